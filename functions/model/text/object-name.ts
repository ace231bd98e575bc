/**
 * Whether an object of the kinds we ask for could have this name: no DNS subdomain is longer or made of anything else.
 * Names come from events and from statuses that anybody may have edited, and end up in paths.
 */
export const isObjectName = (text: string): boolean =>
  text.length <= 253 && !text.includes('..') && /^[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?$/.test(text);
