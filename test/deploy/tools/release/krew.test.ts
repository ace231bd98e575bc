import { parse } from 'yaml';
import { expect, it } from 'vitest';
import { krewManifest } from '../../../../deploy/tools/release/plugin.ts';

it('the krew manifest has the URL and the checksum of the archive', () => {
  const release = {
    version: '1.2.3',
    source: 'https://github.com/me/x',
    uri: 'https://example.com/p.tar.gz',
    sha256: 'a'.repeat(64),
  };
  expect(parse(krewManifest(release))).toMatchObject({
    kind: 'Plugin',
    metadata: { name: 'imagecache' },
    spec: {
      version: 'v1.2.3',
      homepage: release.source,
      platforms: [{ uri: release.uri, sha256: release.sha256, bin: 'kubectl-imagecache' }],
    },
  });
});
