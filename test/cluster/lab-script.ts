import { join } from 'node:path';
import { runWell, type RunOptions } from './run.ts';

/** The location of a running lab, as plain data that other processes can use. */
export type LabPlace = {
  /** The folder of its state. */
  readonly folder: string;
  readonly nodes?: number;
  readonly simulated?: number;
  readonly controlPlane?: 'oldest';
};

export type LabScript = (args: readonly string[], options?: Omit<RunOptions, 'env'>) => Promise<string>;

const script = join(import.meta.dirname, 'lab');
const upTimeout = 300_000;

/** Runs the lab script for one lab; returns its standard output, throws its error output if it fails. */
export const labScript = ({ folder, controlPlane }: LabPlace): LabScript => {
  const env = { ...process.env, LAB: folder, CONTROL_PLANE: controlPlane ?? '' };
  return (args, options = {}) => runWell(script, args, { ...options, env });
};

/** Starts the missing parts of a lab, and waits until it is Ready. */
export const labUp = async (place: LabPlace): Promise<void> => {
  await labScript(place)(['up', String(place.nodes ?? 0)], { timeout: upTimeout });
};

/** Creates or deletes simulated nodes until there are this many, and waits until they are Ready. */
export const labSimulate = async (place: LabPlace, count: number): Promise<void> => {
  await labScript(place)(['simulate', String(count)], { timeout: upTimeout + 100 * count });
};

/** Stops a lab and deletes its state; its logs stay. */
export const labDown = async (place: LabPlace): Promise<void> => {
  await labScript(place)(['down'], { timeout: 120_000 });
};

export type LabSettings = {
  readonly kubeconfig: string;
  readonly server: string;
  /** Path of the network namespace; '' if the lab is in that of the caller. */
  readonly network: string;
  /** The environment for commands that use the lab and its programs. */
  readonly env: NodeJS.ProcessEnv;
};

/** How a program reaches a running lab. */
export const labSettings = async (place: LabPlace): Promise<LabSettings> => {
  const lines = (await labScript(place)(['settings'])).trim().split('\n');
  const values = new Map(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  const kubeconfig = values.get('KUBECONFIG') ?? '';
  const path = [values.get('OLD'), values.get('BIN'), values.get('HELM'), process.env['PATH'], '/usr/sbin', '/sbin'];
  return {
    kubeconfig,
    server: values.get('SERVER') ?? '',
    network: values.get('NETWORK') ?? '',
    env: { ...process.env, PATH: path.filter(Boolean).join(':'), KUBECONFIG: kubeconfig },
  };
};
