import fc from 'fast-check';

/** A mutant survives or not in every run alike. */
fc.configureGlobal({ seed: 1 });
