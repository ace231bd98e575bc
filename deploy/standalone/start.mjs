// Entry of `npm start`: checks the version of Node, which must run TypeScript, before anything else is loaded.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < 22 || (major === 22 && minor < 19)) {
  console.error(
    `Node ${process.versions.node} is too old: run \`npm ci\`, which brings Node 24 along, or install Node 22.19 or newer.`,
  );
  process.exit(1);
}

await import('./start.ts');
