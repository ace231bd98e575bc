#!/usr/bin/env node
// Entry point of `kubectl imagecache`: reports a Node.js that cannot run TypeScript before anything else is loaded.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < 22 || (major === 22 && minor < 19)) {
  console.error(`error: Node ${process.versions.node} is too old for kubectl imagecache: install Node 22.19 or newer`);
  process.exit(1);
}

await import('./main.ts');
