import * as z from 'zod/mini';

const secret = z.object({ data: z.optional(z.record(z.string(), z.string())) });

/**
 * The logins of a Secret as a dockerconfigjson; '' if it has none. The older dockercfg is the inner part of one.
 * Never throws, since an error might quote the content.
 */
export function parsePullSecret(object: unknown): string {
  const data = secret.safeParse(object).data?.data ?? {};
  const [modern, older] = ['.dockerconfigjson', '.dockercfg'].map((key) => decoded(data[key] ?? ''));
  if (modern !== undefined && modern !== '') return modern;
  return older === undefined || older === '' ? '' : `{"auths":${older}}`;
}

const decoded = (text: string): string => Buffer.from(text, 'base64').toString('utf8');
