/** The part of CycloneDX 1.5 that we write; https://cyclonedx.org/docs/1.5/json/ */
export type Component = {
  readonly type: 'application' | 'container' | 'file' | 'library';
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version?: string;
  readonly purl?: string;
  readonly hashes?: readonly { readonly alg: 'SHA-256'; readonly content: string }[];
  readonly licenses?: readonly unknown[];
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
};

export type Bom = {
  readonly bomFormat: 'CycloneDX';
  readonly specVersion: '1.5';
  readonly version: 1;
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
};

/** A bill of materials without time or serial number: the same things make the same text. */
export const bom = (component: Component, components: readonly Component[]): Bom => ({
  bomFormat: 'CycloneDX',
  specVersion: '1.5',
  version: 1,
  metadata: { component },
  components,
});

/** A package by its package URL, https://github.com/package-url/purl-spec, which is also what it is referred to by. */
export const packageComponent = (purl: string, name: string, version: string): Component => ({
  type: 'library',
  'bom-ref': purl,
  name,
  version,
  purl,
});

/** A file by its path in an image. `sha256` in hexadecimal digits. */
export const fileComponent = (path: string, sha256: string): Component => ({
  type: 'file',
  'bom-ref': `file:${path}`,
  name: path,
  hashes: [{ alg: 'SHA-256', content: sha256 }],
});
