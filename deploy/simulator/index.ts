/** What programs outside of this package may import. */
export { startSimulator, type Simulator, type SimulatorOptions } from './start-simulator.ts';
export { type Image, imageOf } from './controllers/image.ts';
export type { ImageUser } from './controllers/image-users.ts';
export type { NodeImages, Program } from './controllers/program.ts';
