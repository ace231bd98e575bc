import { functionNames } from '#model/cache/cloud-event.ts';
import { isWebAddress, type Reads, stringMap, text, webAddress, yesOrNo } from '#runtime/config/setting.ts';
import { both, envOnly } from './row.ts';

/** Settings of the events that a source sends. */
export const eventRows = {
  receiveEvents: both('receive-events', yesOrNo, {
    fallback: 'false',
    doc: 'Take events that are posted to the port also where this process has sources of its own, whose events need no port; a process of one function always does',
  }),
  eventToken: envOnly('EVENT_TOKEN', text, {
    fallback: '',
    doc: 'Secret that posted events have to carry, and that a source sends with them; empty: none',
  }),
  eventTokenHeader: envOnly('EVENT_TOKEN_HEADER', text, {
    fallback: 'authorization',
    doc: 'Header with that secret; in Authorization it follows the word Bearer',
  }),
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
