import * as z from 'zod/mini';

const wire = z.object({ data: z.optional(z.record(z.string(), z.string())) });

/**
 * The logins of a Secret, in the form of a dockerconfigjson; '' where there are none. The older dockercfg is the inner part of that.
 * Never throws: an error might quote what it is about.
 */
export function parsePullSecret(object: unknown): string {
  const data = wire.safeParse(object).data?.data ?? {};
  const [modern, older] = ['.dockerconfigjson', '.dockercfg'].map((key) => decoded(data[key] ?? ''));
  if (modern !== undefined && modern !== '') return modern;
  return older === undefined || older === '' ? '' : `{"auths":${older}}`;
}

const decoded = (text: string): string => Buffer.from(text, 'base64').toString('utf8');
