import { functionNames } from '#model/cache/cloud-event.ts';
import type { Config } from '#runtime/config/config.ts';
import { brokerSink, routeSink, type HttpSinkOptions } from './http-sink.ts';
import type { Sink } from './sink.ts';
import { trustBundles } from './trust-bundles.ts';

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
