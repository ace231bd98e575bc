import type { Lab } from '../cluster/lab.ts';

/** What any account that creates Jobs may do outside of its own namespace, in the widest mode; a star is any name. */
export const widestRights: ReadonlySet<string> = new Set([
  ...['get', 'list', 'watch', 'patch'].map((verb) => `${verb} imagecaches.kubefledged.io`),
  'patch imagecaches.kubefledged.io/status',
  ...['get', 'list', 'watch', 'create', 'delete'].map((verb) => `${verb} jobs.batch`),
  ...['get', 'list', 'watch'].map((verb) => `${verb} pods`),
  ...['create', 'list'].map((verb) => `${verb} events`),
  'get namespaces',
  ...['get', 'list', 'watch', 'patch'].map((verb) => `${verb} nodes`),
  'remove startuptaints.kubefledged.io example.com/cold',
  'list validatingwebhookconfigurations.admissionregistration.k8s.io',
  // What every account may do.
  ...['selfsubjectaccessreviews', 'selfsubjectrulesreviews'].map((name) => `create ${name}.authorization.k8s.io`),
  'create selfsubjectreviews.authentication.k8s.io',
]);

/** What it may do there besides: the Lease, and whether an account exists. */
export const ownRights: ReadonlySet<string> = new Set([
  ...['get', 'update'].map((verb) => `${verb} leases.coordination.k8s.io imagecache-functions-source`),
  'create leases.coordination.k8s.io', // of this name only, by the admission policy
  'get serviceaccounts',
]);

/** The rights of an account in a namespace, as the API server reports them: `verb resource` and a name if it is limited to one. */
export async function rightsOf(lab: Lab, namespace: string, account: string): Promise<readonly string[]> {
  const out = await lab.ask('auth', 'can-i', '--list', '--no-headers', '-n', namespace, account);
  return out.split('\n').flatMap((line) => {
    const [, resource = '', , names = '', verbs = ''] = /^(\S*)\s+\[(.*?)\]\s+\[(.*?)\]\s+\[(.*?)\]/.exec(line) ?? [];
    if (resource === '') return []; // paths such as /healthz
    const limited = names === '' ? [''] : names.split(' ').map((name) => ` ${name}`);
    return verbs.split(' ').flatMap((verb) => limited.map((name) => `${verb} ${resource}${name}`));
  });
}
