import { inject } from 'vitest';
import { labAt, type Lab } from './lab.ts';

/** The lab of the vitest project that a test runs in. It is shared with other files: work in namespaces of your own, or `renew` it first. */
export const sharedLab = (): Promise<Lab> => labAt(inject('lab'));
