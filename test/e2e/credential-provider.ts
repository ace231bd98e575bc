import type { Lab } from '../cluster/lab.ts';
import { restartKubelet } from './restart-kubelet.ts';

/** The annotation of service accounts to whose Pods the provider gives credentials. */
export const accountAnnotation = 'registry.example.com/account';

const audience = 'registry';
const folder = '/var/lib/kubelet/providers';

type Provided = {
  /** The image, without a tag. */
  readonly repository: string;
  readonly username: string;
  readonly password: string;
};

/** Restarts the kubelet of a node with a credential provider that demands a token of a service account (KEP-4412). */
export async function startCredentialProvider(lab: Lab, node: number, provided: Provided): Promise<void> {
  const { repository, username, password } = provided;
  await lab.apply({ apiVersion: 'v1', kind: 'List', items: rightToTokens });
  const auth = { [repository]: { username, password } };
  const response = {
    apiVersion: 'credentialprovider.kubelet.k8s.io/v1',
    kind: 'CredentialProviderResponse',
    ...{ cacheKeyType: 'Image', cacheDuration: '0s', auth },
  };
  const program = `#!/bin/bash\ngrep -q '"serviceAccountToken":"' && echo '${JSON.stringify(response)}'\n`;
  const config = JSON.stringify(configFor(repository));
  const install = `mkdir -p ${folder} && echo "$1" > ${folder}/tokens && chmod +x ${folder}/tokens && echo "$2" > ${folder}.yaml`;
  await lab.node(node, 'bash', '-ec', install, 'install', program, config);
  const flags = [`--image-credential-provider-config=${folder}.yaml`, `--image-credential-provider-bin-dir=${folder}`];
  await restartKubelet(lab, node, { flags });
}

const configFor = (repository: string): object => ({
  apiVersion: 'kubelet.config.k8s.io/v1',
  kind: 'CredentialProviderConfig',
  providers: [
    {
      name: 'tokens',
      matchImages: [repository],
      defaultCacheDuration: '0s',
      apiVersion: 'credentialprovider.kubelet.k8s.io/v1',
      tokenAttributes: {
        serviceAccountTokenAudience: audience,
        cacheType: 'ServiceAccount',
        requireServiceAccount: true,
        requiredServiceAccountAnnotationKeys: [accountAnnotation],
      },
    },
  ],
});

/** Kubelets may request tokens for this audience. */
const rightToTokens = [
  {
    ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'registry-tokens' } },
    rules: [{ apiGroups: [''], resources: [audience], verbs: ['request-serviceaccounts-token-audience'] }],
  },
  {
    ...{
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'registry-tokens' },
    },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'registry-tokens' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:nodes' }],
  },
];
