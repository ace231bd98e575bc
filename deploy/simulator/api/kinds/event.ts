import { objectAt, textAt } from '../../json.ts';
import { type KubeObject, kubeObject, nameOf } from '../kube-object.ts';
import type { Resource } from '../resource.ts';
import { since } from '../tables.ts';
import { builtIn, column } from './built-in.ts';

const first = (event: KubeObject): string => textAt(event, 'firstTimestamp') || textAt(event, 'eventTime');
const last = (event: KubeObject): string =>
  textAt(event, 'series', 'lastObservedTime') || textAt(event, 'lastTimestamp') || first(event);

const target = (event: KubeObject): string =>
  [textAt(event, 'involvedObject', 'kind').toLowerCase(), textAt(event, 'involvedObject', 'name')]
    .filter((part) => part !== '')
    .join('/');

const columns = [
  column('Last Seen', (event, now) => since(last(event), now)),
  column('Type', (event) => textAt(event, 'type')),
  column('Reason', (event) => textAt(event, 'reason')),
  column('Object', target),
  column('Message', (event) => textAt(event, 'message').trim()),
  column('Name', nameOf, 1),
];

const selectable = (event: KubeObject): Record<string, string> => ({
  ...Object.fromEntries(
    ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map((field) => [
      `involvedObject.${field}`,
      textAt(event, 'involvedObject', field),
    ]),
  ),
  reason: textAt(event, 'reason'),
  reportingComponent: textAt(event, 'reportingComponent'),
  source: textAt(event, 'source', 'component') || textAt(event, 'reportingComponent'),
  type: textAt(event, 'type'),
});

export const events: Resource = builtIn({
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  description: 'Something that happened to an object.',
  createOnUpdate: true,
  columns,
  model: 'CoreV1Event',
  fields: selectable,
  strategy: {
    prepare: (event) =>
      kubeObject({
        eventTime: null,
        reportingComponent: '',
        reportingInstance: '',
        ...event,
        source: objectAt(event, 'source'),
      }),
  },
});
