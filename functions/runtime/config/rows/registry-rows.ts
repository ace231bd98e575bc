import { hostList, mirrorLists } from '#runtime/registry/registry-settings.ts';
import { text, yesOrNo } from '#runtime/config/setting.ts';
import { both } from './row.ts';

/** How registries are asked what references stand for. */
export const registryRows = {
  registryMirrors: both(
    'registry-mirrors',
    '',
    mirrorLists,
    'Where digests are asked for before the registry: {"docker.io": ["https://…"], …}',
  ),
  registryCertificates: both(
    'registry-ca-certs',
    '',
    text,
    "PEM of the authorities that registries' certificates may come from, or its path",
  ),
  registryInsecure: both('registry-insecure', '', hostList, 'Registries that are asked over http, separated by commas'),
  registrySecrets: both(
    'registry-secrets',
    'false',
    yesOrNo,
    "Ask registries with a cache's pull secrets too; needs the right to get Secrets",
  ),
} as const;
