/** Whether all tests run at full strength: `npm run test:all`. */
const isFullStrength = process.env['TEST_STRENGTH'] === 'full';

/** How often a property or a seed is run: `usual` times in `npm test`, `full` times in `npm run test:all`. */
export const repetitions = (usual: number, full: number): number => (isFullStrength ? full : usual);
