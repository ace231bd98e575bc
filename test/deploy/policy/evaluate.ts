import { readFileSync } from 'node:fs';
import { Environment } from '@marcbachmann/cel-js';
import { parseAllDocuments } from 'yaml';

type Named = { readonly name: string; readonly expression: string };
type Validation = { readonly expression: string; readonly message: string };
type Policy = {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: { readonly variables: readonly Named[]; readonly validations: readonly Validation[] };
};

type Evaluated = (context: Readonly<Record<string, unknown>>) => unknown;

const environment = new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false })
  .registerVariable('object', 'dyn')
  .registerVariable('variables', 'dyn');

const compiled = (expression: string): Evaluated => {
  const evaluate: Evaluated = environment.parse(expression);
  return (context) => evaluate(context);
};

/** Returns the messages of the validations that an object breaks; an expression that cannot be evaluated breaks, too. */
export type Check = (object: unknown) => readonly string[];

/** The rules of a ValidatingAdmissionPolicy in a file, for objects as the API server stores them. */
export const policyIn = (file: string, name: string): Check => {
  const policies = parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as Policy);
  const policy = policies.find(({ kind, metadata }) => kind === 'ValidatingAdmissionPolicy' && metadata.name === name);
  if (policy === undefined) throw new Error(`${file} has no policy ${name}`);
  const variables = policy.spec.variables.map((of) => [of.name, compiled(of.expression)] as const);
  const validations = policy.spec.validations.map((of) => [of.message, compiled(of.expression)] as const);
  return (object) => {
    const known: Record<string, unknown> = {};
    for (const [variable, evaluate] of variables) known[variable] = evaluate({ object, variables: known });
    return validations.flatMap(([message, evaluate]) => {
      try {
        return evaluate({ object, variables: known }) === true ? [] : [message];
      } catch (error) {
        return [`the expression of "${message}" fails: ${String(error)}`];
      }
    });
  };
};
