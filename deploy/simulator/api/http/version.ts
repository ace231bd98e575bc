/** The Kubernetes that this small cluster speaks like. */
export const versionInfo = {
  major: '1',
  minor: '36',
  gitVersion: 'v1.36.3+simulator',
  gitCommit: '',
  gitTreeState: '',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: 'node',
  platform: `${process.platform}/${process.arch}`,
} as const;
