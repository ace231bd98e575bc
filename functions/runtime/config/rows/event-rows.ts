import { functionNames } from '#model/cache/cloud-event.ts';
import { isWebAddress, type Reads, stringMap, text, webAddress } from '#runtime/config/setting.ts';
import { both, envOnly } from './row.ts';

/** Settings of the events that a source sends. */
export const eventRows = {
  tickSchedule: {
    ...both('tick-schedule', schedule(), {
      fallback: '* * * * *',
      doc: 'Cron schedule of the tick; empty: off, something else sends it',
    }),
    mayBeEmpty: true,
  },
  sink: envOnly('K_SINK', webAddress, {
    fallback: '',
    doc: 'URL that events are sent to, such as a Broker; empty: the functions of this process',
  }),
  eventOverrides: envOnly('K_CE_OVERRIDES', overrides(), {
    fallback: '',
    doc: 'Extensions added to every event, as a SinkBinding sets them',
  }),
  sinkCertificates: envOnly('K_CA_CERTS', text, {
    fallback: '',
    doc: 'PEM of additional certificate authorities of the sink, as a SinkBinding sets it',
  }),
  routes: envOnly('ROUTES', routes(), {
    fallback: '',
    doc: 'URL of each function, where there is no broker: {"reconcile": "http://…", …}. Not together with K_SINK',
  }),
} as const;

function schedule(): Reads<string> {
  const pattern = /^(?:|@(?:hourly|daily|midnight|weekly|monthly|yearly|annually)|\S+(?:\s+\S+){4,5})$/;
  return {
    parse: (value) => (pattern.test(value.trim()) ? { value: value.trim() } : undefined),
    expects: 'a cron schedule of five or six fields, @hourly or the like, or nothing',
  };
}

function overrides(): Reads<Readonly<Record<string, string>>> {
  const extensions = (json: unknown): unknown =>
    typeof json === 'object' && json !== null
      ? (('extensions' in json ? json.extensions : undefined) ?? {})
      : undefined;
  return stringMap('{"extensions": {"name": "value"}}, names in a-z and 0-9', extensions, (name) =>
    /^[a-z0-9]+$/.test(name),
  );
}

function routes(): Reads<Readonly<Record<string, string>>> {
  return stringMap(
    `a JSON object from ${functionNames.join(', ')} to http or https URLs`,
    (json) => json,
    (name, url) => functionNames.some((each) => each === name) && isWebAddress(url),
  );
}
