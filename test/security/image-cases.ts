import { digest } from '../functions/model/builders.ts';

/** Images in caches of the namespace team-a, and whether these patterns allow them: for the functions and the policy. */
export const tenantImages = {
  'team-a': [
    'registry.example.com/team-a/*',
    'docker.io/library/nginx',
    'docker.io/bitnami/redis:8',
    'registry.example.com:5000/app',
  ],
  'team-b': ['registry.example.com/team-b/*'],
  'team-c': ['*'],
  '*': ['registry.example.com/base/*', 'localhost:5000/*', 'registry.example.com/tools/kubectl'],
};

export const allowedInTeamA: readonly string[] = [
  'registry.example.com/team-a/app:1',
  'registry.example.com/team-a/app',
  `registry.example.com/team-a/app@${digest}`,
  'registry.example.com/team-a/deep/er/app:1',
  'registry.example.com/base/os:12',
  ...[
    'nginx',
    'nginx:1.27',
    'library/nginx',
    'docker.io/nginx:1',
    'docker.io/library/nginx',
    'index.docker.io/nginx:1',
  ],
  `index.docker.io/library/nginx:1@${digest}`,
  ...['bitnami/redis:8', 'docker.io/bitnami/redis:8', 'index.docker.io/bitnami/redis:8'],
  'registry.example.com:5000/app:2',
  ...['localhost:5000/a', 'localhost:5000/a/b:1'],
  'registry.example.com/tools/kubectl:1',
];

export const outsideOfTeamA: readonly string[] = [
  'registry.example.com/team-b/app:1',
  'registry.example.com/team-a',
  'registry.example.com/team-a:1',
  'registry.example.com/team-abc/app:1',
  'registry.example.com/app',
  'registry.example.com/tools/kubectl/plugin',
  'registry.example.com/tools/kubectls',
  'registry.example.com:5000/team-a/app:1',
  'registry.example.com:443/team-a/app:1',
  'registry.example.com:5000/apps',
  ...['Registry.example.com/team-a/app:1', 'REGISTRY.EXAMPLE.COM/team-a/app:1'],
  'registry.example.com.evil.example/team-a/app:1',
  'evil.example/registry.example.com/team-a/app:1',
  'team-a/app:1',
  ...[
    'httpd',
    'nginx/nginx',
    'library/nginx/nginx',
    'nginxs',
    'docker.io/nginx/nginx',
    'registry-1.docker.io/library/nginx',
  ],
  ...['bitnami/redis', 'bitnami/redis:latest', 'bitnami/redis:80', 'bitnami/redis/x:8'],
  ...[`bitnami/redis@${digest}`, `bitnami/redis:8@${digest}`],
  ...['localhost:5001/a', 'localhost/a', 'localhost:5000'],
  ...['169.254.169.254/latest:1', '[::1]:5000/a:1', '10.0.0.1:443/x'],
];

/** No references: the CRD refuses them, and the functions do not rely on it. */
export const noReferences: readonly string[] = [
  'registry.example.com/team-a/../team-b/app:1',
  'registry.example.com/team-a/%2e%2e/team-b/app:1',
  'registry.example.com/team-a//app',
  'registry.example.com/team-a/App',
  'registry.example.com/team-a/аpp', // the first letter is Cyrillic
  'registry.example.com/team-a/app:1\n',
  'registry.example.com/team-a/app@sha256:1',
  'https://registry.example.com/team-a/app',
  'user@registry.example.com/team-a/app',
  ' registry.example.com/team-a/app',
  '',
];
