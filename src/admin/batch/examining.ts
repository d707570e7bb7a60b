/** What a password would become at one target, found by looking: nothing is hashed, and nobody is asked. */
import type { AcceptedFormat } from '../../credentials/accepted-format.ts';
import type { Passwords, Translation } from '../../credentials/passwords.ts';
import { isRefusal, refuse } from '../../credentials/reasons.ts';
import type { StoredPassword } from '../../user.ts';

/** Stands for the hash of a password that the store can recover: it is made when it is sent. */
export const MADE_WHEN_SENT = '[hashed afresh when it is sent]';

export interface Examining extends Pick<Passwords, 'examine' | 'identify' | 'translate' | 'rehash'> {}

/** `blocked`: ways of rewriting that are not to be trusted, as `[format, write]`. */
export function examining(
  { examine }: Pick<Passwords, 'examine'>,
  accepts: readonly AcceptedFormat[],
  blocked: readonly (readonly [format: string, write: string])[],
): Examining {
  const seen = new WeakMap<StoredPassword, ReturnType<Passwords['examine']>>();
  const look = (stored: StoredPassword) => {
    const known = seen.get(stored) ?? examine(stored, [accepts]);
    seen.set(stored, known);
    return known;
  };
  /** The same without the ways that are blocked; of those who lose by that it is said. */
  const trusted = (stored: StoredPassword): ReturnType<Passwords['examine']> => {
    const { identified, translations } = look(stored);
    const format = isRefusal(identified) ? stored.format : identified.format;
    const left = accepts.filter(
      ({ write }) => !blocked.some(([from, to]) => from === format && to === write),
    );
    if (left.length === accepts.length) return { identified, translations };
    const [translation] = examine(stored, [left]).translations as [Translation];
    const isLost = isRefusal(translation) && !isRefusal(translations[0]!);
    return { identified, translations: [isLost ? refuse('rewrite_blocked') : translation] };
  };
  return {
    examine: trusted,
    identify: (stored) => look(stored).identified,
    translate: (stored, formats) =>
      formats.length === accepts.length
        ? look(stored).translations[0]!
        : examine(stored, [formats]).translations[0]!,
    rehash: async () => ({ encoded: MADE_WHEN_SENT, format: accepts[0]!.write }),
  };
}
