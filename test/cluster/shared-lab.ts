import { inject } from 'vitest';
import { labAt, type Lab } from './lab.ts';

/** The lab of the vitest project of a test. It is shared with other files, so use your own namespaces, or `renew` it first. */
export const sharedLab = (): Promise<Lab> => labAt(inject('lab'));
