import type { Architecture } from '../images/oci.ts';
import type { Input } from '../images/runtime/inputs.ts';

/** A predicate of SLSA provenance 1.0, as far as we write it: https://slsa.dev/spec/v1.0/provenance */
export type Provenance = {
  readonly buildDefinition: {
    readonly buildType: string;
    readonly externalParameters: { readonly source: string; readonly version: string; readonly platform: string };
    readonly resolvedDependencies: readonly {
      readonly uri: string;
      readonly name: string;
      readonly digest: { readonly sha256: string };
    }[];
  };
  readonly runDetails: { readonly builder: { readonly id: string } };
};

export type Built = { readonly source: string; readonly version: string; readonly architecture: Architecture };

/** What an image was built from. The workflow's own statement has the commit, but knows no inputs from outside of the repository. */
export const provenanceOf = ({ source, version, architecture }: Built, inputs: readonly Input[]): Provenance => ({
  buildDefinition: {
    buildType: `${source}/blob/v${version}/docs/releasing.md`,
    externalParameters: { source, version, platform: `linux/${architecture}` },
    resolvedDependencies: inputs.map(({ purl, name, sha256 }) => ({ uri: purl, name, digest: { sha256 } })),
  },
  runDetails: { builder: { id: `${source}/blob/v${version}/.github/workflows/release.yaml` } },
});
