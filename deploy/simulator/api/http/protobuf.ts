import { StatusError, notImplemented, unsupportedMedia } from '../status-error.ts';
import type { JsonObject } from '../../json.ts';
import { type Field, type Message, messages } from './protobuf-messages.ts';

/**
 * Reads what kubectl's generators send (`kubectl create namespace`, `secret`, `quota`, `job`): they speak protobuf, and
 * know no other way. Whatever is not in the tables of messages is refused, never dropped.
 */
const magic = Buffer.from('k8s\0');

type Raw = { readonly number: number; readonly value: number | Buffer };

const varint = (bytes: Buffer, at: number): readonly [number, number] => {
  let [value, place, next] = [0n, 0n, at];
  for (;;) {
    const byte = bytes.at(next);
    if (byte === undefined) throw unsupportedMedia(['application/json', 'application/yaml']);
    value |= BigInt(byte & 0x7f) << place;
    place += 7n;
    next += 1;
    if (byte < 0x80) return [Number(BigInt.asIntN(64, value)), next];
  }
};

const rawFields = (bytes: Buffer): readonly Raw[] => {
  const found: Raw[] = [];
  let at = 0;
  while (at < bytes.length) {
    const [tag, afterTag] = varint(bytes, at);
    const [value, afterValue] = varint(bytes, afterTag);
    const isLong = (tag & 7) === 2;
    if (!isLong && (tag & 7) !== 0) throw unsupportedMedia(['application/json', 'application/yaml']);
    at = isLong ? afterValue + value : afterValue;
    found.push({ number: tag >> 3, value: isLong ? bytes.subarray(afterValue, at) : value });
  }
  return found;
};

const isEmpty = (value: number | Buffer): boolean => (typeof value === 'number' ? value === 0 : value.length === 0);

const entryOf = (bytes: Buffer, of: Field): readonly [string, unknown] => {
  const parts = rawFields(bytes);
  const part = (number: number): number | Buffer =>
    parts.find((one) => one.number === number)?.value ?? Buffer.alloc(0);
  return [String(part(1)), single(part(2), of)];
};

const single = (value: number | Buffer, field: Field): unknown => {
  if (field.type === 'bool') return value === 1;
  if (typeof value === 'number') return value;
  if (field.type === 'bytes') return value.toString('base64');
  return field.type === 'string' ? value.toString('utf8') : readMessage(value, field.type);
};

const readMessage = (bytes: Buffer, name: string): unknown => {
  const message: Message = messages[name] ?? {};
  const read = new Map<string, unknown>();
  for (const { number, value } of rawFields(bytes)) {
    const field = message[number];
    if (field === undefined) {
      if (!isEmpty(value)) throw notImplemented(`field ${number} of ${name} in protobuf: send it as JSON`);
    } else if (field.as === 'map' && typeof value !== 'number') {
      const known = read.get(field.name);
      read.set(field.name, {
        ...(typeof known === 'object' ? known : {}),
        ...Object.fromEntries([entryOf(value, field)]),
      });
    } else if (field.as === 'list') {
      const known = read.get(field.name);
      read.set(field.name, [...(Array.isArray(known) ? known.map((item: unknown) => item) : []), single(value, field)]);
    } else if (field.as !== 'ignored' && !(isEmpty(value) && (field.type === 'string' || field.as === 'counted')))
      read.set(field.name, single(value, field));
  }
  // A quantity is a message around one string.
  return name === 'Quantity' ? (read.get('string') ?? '0') : Object.fromEntries(read);
};

const textIn = (bytes: Buffer, number: number): string =>
  String(rawFields(bytes).find((one) => one.number === number)?.value ?? '');

/** A protobuf body as the JSON that says the same. Throws 415 or 501. */
export const readProtobuf = (bytes: Buffer): JsonObject => {
  if (!bytes.subarray(0, 4).equals(magic)) throw unsupportedMedia(['application/json', 'application/yaml']);
  const envelope = rawFields(bytes.subarray(4));
  const part = (number: number): Buffer => {
    const value = envelope.find((one) => one.number === number)?.value;
    return Buffer.isBuffer(value) ? value : Buffer.alloc(0);
  };
  const [apiVersion, kind] = [textIn(part(1), 1), textIn(part(1), 2)];
  if (messages[kind] === undefined)
    throw new StatusError(415, 'UnsupportedMediaType', `the simulator reads no protobuf of ${kind}: send it as JSON`);
  const read = readMessage(part(2), kind);
  return { apiVersion, kind, ...(typeof read === 'object' ? read : {}) };
};
