/** What may be written to a store besides the mark of who has moved: values of ours, with its own ids in their place. */
import { FootbridgeError } from '../errors.ts';
import type { Connector, LegacyWrite, WriteValues } from './connector.ts';
import { LEGACY_WRITES, OPTIONAL_VALUES } from './connector.ts';
import type { Ask, Directory } from './directory.ts';
import { idOf, keyOf } from './subjects.ts';
import { MAX_TEXT_LENGTH } from './values.ts';

type Writing = Pick<Directory, 'organizationKey' | 'writes' | 'write'>;

interface Store {
  readonly prefix: string;
  /** With a breaker of its own each time it is called. */
  readonly asking: () => Ask;
  readonly forget: (sub: string) => void;
}

export const NO_WRITES: ReadonlySet<LegacyWrite> = new Set();

export function writingTo(connector: Connector, { prefix, asking, forget }: Store): Writing {
  const { writes = NO_WRITES } = connector;
  // One for each: a statement that fails must not hold up the others, nor any of them those who log in.
  const asks = new Map([...writes].map((what) => [what, asking()]));
  const isOurs = (key: string | undefined) => key === undefined || idOf(prefix, key) !== undefined;
  return {
    organizationKey: (sub, id) => (isOurs(sub) ? keyOf(prefix, id) : undefined),
    writes: (key) => (isOurs(key) ? writes : NO_WRITES),
    async write(key, what, values) {
      const ask = asks.get(what);
      if (!ask || !connector.write) throw notConfigured(what);
      if (!isOurs(key)) throw new FootbridgeError('not_found', { detail: 'this key is of another store' });
      const own = valuesFor(what, values, prefix);
      const changed = await ask(async () => connector.write?.(what, own));
      if (values.id) forget(values.id);
      return changed;
    },
  };
}

export const notConfigured = (what: LegacyWrite) =>
  new FootbridgeError('not_found', { detail: `writes.${what} is not configured` });

/** Every value of this write, in the store's own words. One that is not given is a mistake, which would take something away. */
function valuesFor(what: LegacyWrite, values: WriteValues, prefix: string): WriteValues {
  const named = LEGACY_WRITES[what].map((name) => {
    const value = values[name];
    if (value === undefined && !OPTIONAL_VALUES.has(name))
      throw new FootbridgeError('internal', { detail: `writes.${what} without ${name}` });
    return [name, valueFor(name, value ?? null, prefix)] as const;
  });
  return Object.fromEntries(named);
}

function valueFor(name: string, value: string | null, prefix: string): string | null {
  if (name === 'id' || name === 'organization') {
    const id = idOf(prefix, value ?? '');
    if (id !== undefined) return id;
    throw new FootbridgeError(name === 'id' ? 'user_not_found' : 'organization_not_found', {
      detail: `${name} is none of this store’s`,
    });
  }
  if (value === null || isText(value)) return value;
  throw new FootbridgeError('bad_request', { detail: `${name} is no text that a store could hold` });
}

/** NUL and half surrogates are refused by one engine and cut or changed by the next. */
const isText = (value: string) =>
  value.length <= MAX_TEXT_LENGTH && !value.includes('\0') && value.isWellFormed();
