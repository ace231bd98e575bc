import valuesSchema from '../../helm/values.schema.json' with { type: 'json' };

/** What of JSON Schema our chart uses. */
type Schema = {
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly uniqueItems?: boolean;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly propertyNames?: Schema;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly not?: Schema;
};

/** One value of a file, by its path such as `args.controllerLogLevel`. */
export type ChartValue = {
  readonly path: string;
  /** Unknown: neither our chart nor kube-fledged's has it, ours refuses it. Ignored: kube-fledged's has it, nothing reads it here. */
  readonly verdict: 'unknown' | 'invalid' | 'ignored';
  /** Of an invalid one, what is wrong. */
  readonly problem: string;
};

/** What `helm upgrade` with our chart would refuse of these values, and what would have no effect. */
export const chartValues = (values: unknown): readonly ChartValue[] => check(valuesSchema, values, '');

const ignored = /^A value of kube-fledged that is ignored/;

/** Helm drops values that are null. */
function check(schema: Schema, value: unknown, path: string): readonly ChartValue[] {
  if (value === null || value === undefined) return [];
  if (ignored.test(schema.description ?? '')) return [{ path, verdict: 'ignored', problem: '' }];
  const problem = problemOf(schema, value);
  if (problem !== undefined) return [{ path, verdict: 'invalid', problem }];
  const inner = isMap(value) ? inMap(schema, value, path) : Array.isArray(value) ? inList(schema, value, path) : [];
  return [...inAnyOf(schema, value, path), ...inner];
}

/** Says what is wrong by the alternative of the value's type. */
function inAnyOf({ anyOf = [] }: Schema, value: unknown, path: string): readonly ChartValue[] {
  const found = anyOf.map((each) => check(each, value, path));
  if (found.length === 0 || found.some((each) => each.length === 0)) return [];
  const types = anyOf.flatMap(({ type = [] }) => type);
  const fitting = anyOf.findIndex(({ type = [] }) => [type].flat().some((each) => isOfType(each, value)));
  return found[fitting] ?? [{ path, verdict: 'invalid', problem: `it must be ${types.join(' or ')}` }];
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function inMap(schema: Schema, value: Readonly<Record<string, unknown>>, path: string): readonly ChartValue[] {
  const { properties = {}, patternProperties = {}, additionalProperties = true, propertyNames, required = [] } = schema;
  const missing = required.filter((name) => value[name] === undefined || value[name] === null);
  return [
    ...missing.map((name) => ({ path, verdict: 'invalid', problem: `it must have ${name}` }) as const),
    ...Object.entries(value).flatMap(([name, each]): readonly ChartValue[] => {
      const at = path === '' ? name : `${path}.${name}`;
      const wrongName = propertyNames === undefined ? undefined : problemOf(propertyNames, name);
      if (wrongName !== undefined) return [{ path: at, verdict: 'invalid', problem: `its name: ${wrongName}` }];
      const byPattern = Object.entries(patternProperties).find(([pattern]) => expression(pattern).test(name))?.[1];
      const known = Object.hasOwn(properties, name) ? properties[name] : byPattern;
      if (known !== undefined) return check(known, each, at);
      if (additionalProperties === false) return [{ path: at, verdict: 'unknown', problem: '' }];
      return additionalProperties === true ? [] : check(additionalProperties, each, at);
    }),
  ];
}

const inList = ({ items = {} }: Schema, value: readonly unknown[], path: string): readonly ChartValue[] =>
  value.flatMap((each, index) => check(items, each, `${path}[${index}]`));

/** What is wrong with a value itself, whatever it holds. */
function problemOf(schema: Schema, value: unknown): string | undefined {
  const { type = [], enum: words, not, uniqueItems = false } = schema;
  const types = [type].flat();
  if (types.length > 0 && !types.some((each) => isOfType(each, value))) return `it must be ${types.join(' or ')}`;
  if (words !== undefined && !words.includes(value)) return `it must be one of ${words.map(shown).join(', ')}`;
  if ('const' in schema && value !== schema.const) return `it must be ${shown(schema.const)}`;
  if (typeof value === 'string' && !isFitting(schema, value)) return `it must match ${schema.pattern ?? 'any text'}`;
  if (typeof value === 'number' && !isWithin(schema, value)) return `it must be ${rangeOf(schema)}`;
  if (not !== undefined && problemOf(not, value) === undefined) return 'it is not allowed here';
  const isRepeated = Array.isArray(value) && new Set(value.map((each) => JSON.stringify(each))).size < value.length;
  return uniqueItems && isRepeated ? 'its entries must differ' : undefined;
}

const isFitting = ({ pattern, minLength = 0 }: Schema, value: string): boolean =>
  value.length >= minLength && (pattern === undefined || expression(pattern).test(value));

const isWithin = ({ minimum = -Infinity, maximum = Infinity }: Schema, value: number): boolean =>
  value >= minimum && value <= maximum;

const rangeOf = ({ minimum, maximum }: Schema): string =>
  [minimum === undefined ? '' : `at least ${minimum}`, maximum === undefined ? '' : `at most ${maximum}`]
    .filter((each) => each !== '')
    .join(' and ');

/** Helm's expressions are those of Go: the flag for both cases, which the plugin's Node may not know, is one of the whole. */
const expression = (pattern: string): RegExp =>
  new RegExp(pattern.replaceAll('(?i:', '(?:'), pattern.includes('(?i:') ? 'iu' : 'u');

function isOfType(type: string, value: unknown): boolean {
  if (type === 'object') return isMap(value);
  if (type === 'array') return Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  return typeof value === type;
}

const shown = (value: unknown): string => JSON.stringify(value);
