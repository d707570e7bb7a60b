/** A kept plan in words, for whoever looks at a batch. */
import { momentWords } from './moment.ts';

/** As `planOf` made it; what is not understood is left out. */
export function selectionWords(plan: unknown): string {
  const kept = (typeof plan === 'object' && plan !== null ? plan : {}) as Readonly<Record<string, unknown>>;
  if (typeof kept.phase === 'string') return `People of the phase ${kept.phase}; most recent login first.`;
  const who = stateWords(listOf(kept.states));
  const parts = [
    any('with the role', listOf(kept.roles)),
    any('in the group', listOf(kept.groups)),
    any('with a verified address at', listOf(kept.emailDomains)),
    loginWords(kept),
    pairWords(kept.metadata),
    listedWords(kept.listed),
  ].filter((part) => part !== '');
  const limit = typeof kept.limit === 'number' ? `, the first ${kept.limit.toLocaleString('en')}` : '';
  const order = kept.order === 'id' ? 'in the order of their ids' : 'most recent login first';
  return `${[who, ...parts].join(', ')}; ${order}${limit}.`;
}

const listOf = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);

function stateWords(states: readonly string[]): string {
  if (states.length === 0) return 'People';
  const text = states.join(' or ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)} people`;
}

/** What is read at a glance; the rest is in the JSON. */
const SHOWN = 5;

function any(words: string, values: readonly string[]): string {
  if (values.length === 0) return '';
  const more = values.length > SHOWN ? ` or one of ${values.length - SHOWN} more` : '';
  return `${words} ${values.slice(0, SHOWN).join(' or ')}${more}`;
}

function loginWords({
  lastLoginAfter: after,
  lastLoginBefore: before,
  neverLoggedIn,
}: Readonly<Record<string, unknown>>): string {
  if (neverLoggedIn === true) return 'of whom no login is known';
  const since = typeof after === 'string' ? momentWords(after) : undefined;
  const until = typeof before === 'string' ? momentWords(before) : undefined;
  return [
    ...(since
      ? [since.isAge ? `who logged in within the last ${since.text}` : `who logged in since ${since.text}`]
      : []),
    ...(until
      ? [
          until.isAge
            ? `whose last login was more than ${until.text} ago`
            : `whose last login was before ${until.text}`,
        ]
      : []),
  ].join(', ');
}

function pairWords(metadata: unknown): string {
  if (typeof metadata !== 'object' || metadata === null) return '';
  const pairs = Object.entries(metadata).map(([key, value]) => `${key} is ${value}`);
  return pairs.length > 0 ? `whose ${pairs.join(' and ')}` : '';
}

function listedWords(listed: unknown): string {
  const { people } = (typeof listed === 'object' && listed !== null ? listed : {}) as { people?: unknown };
  return typeof people === 'number' ? `of a list of ${people.toLocaleString('en')}` : '';
}
