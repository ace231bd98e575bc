/** What programs outside of this package may import. */
export { startSimulator, type Simulator, type SimulatorOptions } from './start-simulator.ts';
export { type Image, imageOf, type ImageUser, type NodeImages, type Program } from './controllers/image-store.ts';
