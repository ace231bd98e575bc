/**
 * Whether an object can have this name: a DNS subdomain of at most 253 characters.
 * Names come from events and statuses, which others may edit, and become part of request paths.
 */
export const isObjectName = (text: string): boolean =>
  text.length <= 253 && !text.includes('..') && /^[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?$/.test(text);
