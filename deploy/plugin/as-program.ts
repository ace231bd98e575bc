/**
 * The bundle as a program that sh starts: a Node that is too old, or none, is reported in a sentence. Node itself would print
 * the line with the error, which is the whole bundle.
 */
export const asProgram = (bundle: string): string => `${preamble}${bundle}`;

/** For sh, commands; for Node, a string and a comment. */
const preamble = `#!/bin/sh
":" /*
version=$(node --version 2>/dev/null)
if [ -z "$version" ]; then
  echo "error: kubectl imagecache needs Node 22.19 or newer, and there is no node on the PATH" >&2
  exit 1
fi
major=\${version#v} major=\${major%%.*} minor=\${version#*.} minor=\${minor%%.*}
if [ "$major" -lt 22 ] || { [ "$major" -eq 22 ] && [ "$minor" -lt 19 ]; }; then
  echo "error: Node \${version#v} is too old for kubectl imagecache: install Node 22.19 or newer" >&2
  exit 1
fi
exec node "$0" "$@"
*/
`;
