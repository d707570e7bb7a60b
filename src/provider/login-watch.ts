import { nowSeconds } from '../clock.ts';
import type { PeopleWatch } from '../sessions/people-watch.ts';
import type { Part } from '../store/statement.ts';
import type { LegacyEntry } from '../user.ts';

/**
 * People with sessions, who are looked after: a new password ends what began under the old one. What a login has read of
 * somebody travels with it, as a mark, to the statement that begins the session.
 */
export interface LoginWatch extends Pick<PeopleWatch, 'knownPart' | 'proved'> {
  /** Undefined: nobody is watched. */
  markOf(entry: LegacyEntry): string | undefined;
  /** From then on the person is watched, for as long as a session may live. */
  part(sub: string, mark: string): Part;
}

/** `longestSeconds`: no session lives longer. */
export function openLoginWatch(watch: PeopleWatch, longestSeconds: number): LoginWatch {
  return {
    knownPart: watch.knownPart,
    proved: watch.proved,
    markOf: (entry) => watch.markOf(entry)?.toString('base64url'),
    part: (sub, mark) => watch.watchPart(sub, nowSeconds() + longestSeconds, Buffer.from(mark, 'base64url')),
  };
}
