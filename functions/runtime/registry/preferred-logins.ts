import { fingerprint } from './fingerprint.ts';
import type { Login } from './keyring.ts';
import type { Place } from './places.ts';

/** Which login, or none, a repository accepted last: tried first, so that a private image costs one request each time rather than two refused ones before. */
export type PreferredLogins = {
  /** The same logins, in the order to try them. */
  readonly inOrder: (place: Place, logins: readonly (Login | undefined)[]) => readonly (Login | undefined)[];
  readonly worked: (place: Place, login: Login | undefined) => void;
};

const mostKept = 1000;

export function preferredLogins(): PreferredLogins {
  const kept = new Map<string, string>();
  return {
    inOrder: (place, logins) => {
      const wanted = kept.get(keyOf(place));
      const isWanted = (login: Login | undefined): boolean => nameOf(login) === wanted;
      return [...logins.filter((login) => isWanted(login)), ...logins.filter((login) => !isWanted(login))];
    },
    worked: (place, login) => {
      kept.delete(keyOf(place));
      const [oldest] = kept.keys();
      if (oldest !== undefined && kept.size >= mostKept) kept.delete(oldest);
      kept.set(keyOf(place), nameOf(login));
    },
  };
}

const keyOf = ({ manifest, repository }: Place): string => `${manifest.origin} ${repository}`;
const nameOf = (login: Login | undefined): string =>
  login === undefined ? '' : fingerprint([login.username, login.password]);
