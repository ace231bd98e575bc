import { functionNames } from '#model/cache/cloud-event.ts';
import type { Config } from '#runtime/config/config.ts';
import { brokerSink, routeSink, type HttpSinkOptions } from './http-sink.ts';
import type { Sink } from './sink.ts';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The sink for K_SINK or ROUTES; undefined if neither is set and events stay in the process. */
export function configuredSink(
  config: Pick<Config, 'sink' | 'sinkCertificates' | 'eventOverrides' | 'routes' | 'eventSecret'>,
): Sink | undefined {
  const authorities = [config.sinkCertificates, trustBundles()].filter((pem) => pem !== '').join('\n');
  const options: HttpSinkOptions = {
    extensions: config.eventOverrides,
    secret: config.eventSecret,
    ...(authorities === '' ? {} : { caCertificates: authorities }),
  };
  if (config.sink !== '') return brokerSink(new URL(config.sink), options);
  const addresses = functionNames.flatMap((name) => {
    const address = config.routes[name];
    return address === undefined ? [] : [[name, new URL(address)] as const];
  });
  return addresses.length === 0 ? undefined : routeSink(Object.fromEntries(addresses), options);
}

/** Where a SinkBinding mounts the certificate authorities of the cluster's event receivers. */
const mountedAt = '/knative-custom-certs';

/** All certificates in the files of a folder as one PEM text; '' if there are none, or no folder. */
export function trustBundles(folder = mountedAt): string {
  return filesIn(folder)
    .map((name) => readFileSync(join(folder, name), 'utf8').trim())
    .filter((text) => text.includes('-----BEGIN CERTIFICATE-----'))
    .join('\n');
}

/** Sorted, without the `..` entries in which a mounted volume keeps its versions. */
function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => !name.startsWith('..'))
      .toSorted();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
