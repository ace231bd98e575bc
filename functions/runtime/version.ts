import manifest from '../../package.json' with { type: 'json' };

/** The product's version, which also tags its images; package.json is the only place that says it. */
export const version: string = manifest.version;
