import { budgets, hostList, mirrorLists } from '#runtime/config/registry-settings.ts';
import { text, yesOrNo } from '#runtime/config/setting.ts';
import { both } from './row.ts';

/** Settings for resolving image references at registries. */
export const registryRows = {
  registryMirrors: both('registry-mirrors', mirrorLists, {
    fallback: '',
    doc: 'Mirrors that are asked for digests before the registry, best those that nodes pull from: {"docker.io": ["https://…"], …}',
  }),
  registryBudgets: both('registry-budgets', budgets, {
    fallback: '',
    doc: 'How many manifests nodes may get from a registry within an hour, over all caches, as JSON by the name of the registry: {"docker.io": {"pullsPerHour": 80}}; nodes beyond that wait with reason RegistryRests. Empty: no limit',
  }),
  registryCertificates: both('registry-ca-certs', text, {
    fallback: '',
    doc: 'PEM of additional certificate authorities of registries, or the path of a file that has it',
  }),
  registryInsecure: both('registry-insecure', hostList, {
    fallback: '',
    doc: 'Registries that are asked for digests over http, separated by commas',
  }),
  registrySecrets: both('registry-secrets', yesOrNo, {
    fallback: 'false',
    doc: 'Ask registries with the pull secrets of the cache; needs the right to get Secrets in each namespace (a Role in deploy/kubectl/standalone.yaml)',
  }),
} as const;
