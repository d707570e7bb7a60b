/** The legacy user store as the rest of Footbridge sees it: people, found by what they type or by their subject. */
import { FootbridgeError, isFootbridgeError } from '../errors.ts';
import type { LegacyEntry, User } from '../user.ts';
import type { Applies, ApplyInput, ApplyOutcome } from './apply.ts';
import { applyingTo } from './applying.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import type { Connector, LegacyRow, LegacyWrite, Related, WriteValues } from './connector.ts';
import { MAX_RELATED_ROWS } from './connector.ts';
import { withinDeadline } from './deadline.ts';
import type { DirectoryEntry } from './entries.ts';
import { findEntries, readEntries } from './entries.ts';
import type { StoreFeed, StoreSetup } from './feed.ts';
import type { Field } from './field-settings.ts';
import { textsFrom } from './fields.ts';
import type { LegacySettings } from './legacy-settings.ts';
import { wayInto } from './legacy-settings.ts';
import { chooseRow } from './login-match.ts';
import { mapRecord } from './mapping.ts';
import { idOf, subjectOf, subjectPrefix } from './subjects.ts';
import { UserCache } from './user-cache.ts';
import { writingTo } from './writing.ts';

export interface Directory {
  /** The store's own id of a subject; undefined for what is no subject of it. */
  legacyIdOf(sub: string): string | undefined;
  /**
   * By what a person types, read afresh. `undefined`: nobody.
   * Throws user_ambiguous, legacy_unavailable, mapping_failed.
   */
  findByLogin(login: string): Promise<LegacyEntry | undefined>;
  /** By subject, read afresh, with credentials. Throws user_ambiguous, legacy_unavailable, mapping_failed. */
  findBySub(sub: string): Promise<LegacyEntry | undefined>;
  /** Many at once, read afresh: those who are there, with their error where one cannot be mapped. Throws legacy_unavailable. */
  findBySubs(subs: readonly string[]): Promise<ReadonlyMap<string, DirectoryEntry>>;
  /** By subject, without credentials; may be some seconds old, and older while the store does not answer. */
  userBySub(sub: string): Promise<User | undefined>;
  /** The user has changed: what is in memory is no longer true. */
  forget(sub: string): void;
  /** Marks in the store itself that this user has moved; only where configured. Throws user_not_found. */
  flag?(sub: string, migrated: boolean): Promise<void>;
  /** The key of a legacy organization: its id with its store's prefix, as `sub` is a person's. */
  organizationKey(sub: string, organizationId: string): string | undefined;
  /** Which writes the store has that this subject, or organization key, belongs to; for nobody's, the first store's. */
  writes(key?: string): ReadonlySet<LegacyWrite>;
  /**
   * One of the configured writes to the store of `key` (a subject or an organization key; undefined: the first store). `id`
   * and `organization` of the values are ours with prefix; the store gets its own. How many rows it changed, where the store
   * tells. Throws legacy_unavailable, not_found where the write is not configured.
   */
  write(key: string | undefined, what: LegacyWrite, values: WriteValues): Promise<number | undefined>;
  /** What sync may write of the store that this subject belongs to. */
  applies(sub: string): Applies;
  /** Throws legacy_unavailable, bad_request, target_conflict's twin of the store, user_not_found for a subject of no store. */
  apply(sub: string, input: ApplyInput): Promise<ApplyOutcome>;
  /** The stores that tell of their own changes. */
  readonly feeds: readonly StoreFeed[];
  /** What has to be made at the stores for the two. */
  readonly setups: readonly { readonly store: string; readonly setup: StoreSetup }[];
  /** Every user after this subject, a page at a time; only where the store can be read so. One that cannot be mapped comes with its error. */
  entries?(after?: string): AsyncGenerator<DirectoryEntry>;
  /** How many users there are; only where the store can say so. */
  count?(): Promise<number>;
  /** Throws legacy_unavailable. */
  check(): Promise<void>;
  close(): Promise<void>;
}

export interface DirectoryOptions {
  readonly connector?: Connector;
  /** Milliseconds since the epoch: what `future` and `past` compare with. */
  readonly now?: () => number;
  /** Milliseconds that no change of the clock moves. */
  readonly elapsed?: () => number;
  /** Around what `userBySub` asks the store, where memory does not answer it. */
  readonly around?: <T>(name: string, work: () => Promise<T>) => Promise<T>;
}

/** The longest path of an email address (RFC 5321 section 4.5.3.1.3 and its parts); more is nobody's login. */
const MAX_LOGIN_LENGTH = 320;

/** Connects when first asked: opening never fails because the store is down. */
export function openDirectory(settings: LegacySettings, options: DirectoryOptions = {}): Directory {
  const { connector = openConnector(settings), now = Date.now, elapsed = () => performance.now() } = options;
  const { around = (_name, work) => work() } = options;
  const limits = { freshMs: settings.cacheSeconds * 1_000, staleMs: settings.staleSeconds * 1_000 };
  const cache = new UserCache(limits, elapsed);
  const prefix = subjectPrefix(settings);
  const asking = (): Ask => {
    const breaker = new CircuitBreaker(elapsed);
    return (work) => breaker.run(() => withinDeadline(work, settings.timeoutMs));
  };
  const ask = asking();
  const sparse = connector.sparse ?? false;
  const loginsOf = loginsBy(settings, sparse);

  const entryOf = async (row: LegacyRow): Promise<LegacyEntry> => {
    const sub = subjectOf(prefix, row.id);
    const related = bounded((await connector.related?.(row.id)) ?? {});
    const entry = mapRecord(settings.mapping, { sub, row, related, sparse, nowMs: now() });
    if (settings.verify === 'hash') return entry;
    const verify = (password: string) =>
      ask(async () => (await connector.verifyPassword?.(row, password)) ?? false);
    const storeCheck = { only: settings.verify === 'store', verify };
    return { ...entry, credentials: { ...entry.credentials, storeCheck } };
  };

  /** Finds a row, maps it, and keeps the user for later. */
  const read = (find: () => Promise<LegacyRow | undefined>): Promise<LegacyEntry | undefined> =>
    ask(async () => {
      const mark = cache.mark();
      const row = await find();
      const entry = row && (await entryOf(row));
      if (entry) cache.keep(entry.user, mark);
      return entry;
    });

  const findBySub = async (sub: string): Promise<LegacyEntry | undefined> => {
    const id = idOf(prefix, sub);
    if (id === undefined) return undefined;
    const entry = await read(async () => oneWithId(await connector.findById(id), id));
    if (!entry) cache.forget(sub);
    return entry;
  };
  const shared = sharing((sub) => around('userBySub', async () => (await findBySub(sub))?.user));
  const forget = (sub: string) => {
    cache.forget(sub);
    shared.forget(sub);
  };

  return {
    legacyIdOf: (sub) => idOf(prefix, sub),
    findByLogin: async (login) => {
      if (!isPlausible(login)) return undefined;
      return read(async () => chooseRow(await connector.findByLogin(login), login, loginsOf));
    },
    findBySub,
    findBySubs: (subs) => {
      const ids = subs.flatMap((sub) => idOf(prefix, sub) ?? []);
      return findEntries(connector, { ask: asking(), prefix, entryOf }, ids);
    },
    userBySub: async (sub) => {
      const fresh = cache.fresh(sub);
      if (fresh) return fresh;
      try {
        return await shared.read(sub);
      } catch (error) {
        const stale = isFootbridgeError(error, 'legacy_unavailable') ? cache.stale(sub) : undefined;
        if (stale) return stale;
        throw error;
      }
    },
    forget,
    // Each with a breaker of its own: a mark that cannot be written must not keep people from logging in.
    ...flagOf(connector, { ask: asking(), prefix, forget }),
    ...writingTo(connector, { asking, prefix, forget }),
    ...applyingTo(connector, { ask: asking(), prefix, forget, settings, now }),
    feeds: feedsOf(connector, settings.store, (id) => subjectOf(prefix, id)),
    setups: connector.setup ? [{ store: settings.store, setup: connector.setup() }] : [],
    ...(connector.page
      ? {
          entries: (after = '') =>
            readEntries(connector, { ask: asking(), prefix, entryOf, after: idOf(prefix, after) ?? '' }),
        }
      : {}),
    ...(connector.count ? { count: () => ask(async () => (await connector.count?.()) ?? 0) } : {}),
    check: () => ask(() => connector.ping()),
    close: () => connector.close(),
  };
}

const feedsOf = (
  connector: Connector,
  store: string,
  subjectOfId: (legacyId: string) => string,
): readonly StoreFeed[] =>
  connector.feed ? [{ store, feed: connector.feed(), subjectOf: subjectOfId }] : [];

function bounded(related: Related): Related {
  const tooMany = Object.entries(related).find(([, rows]) => rows.length > MAX_RELATED_ROWS);
  if (!tooMany) return related;
  const detail = `related.${tooMany[0]} gives more than ${MAX_RELATED_ROWS} rows`;
  throw new FootbridgeError('mapping_failed', { detail });
}

export type Ask = <T>(work: () => Promise<T>) => Promise<T>;

function isPlausible(login: string): boolean {
  return login !== '' && login.length <= MAX_LOGIN_LENGTH && !login.includes('\0') && login.isWellFormed();
}

/** Stores find 4711 by `4711 `, `04711` or `4711abc`: only the very same id is the same subject. */
function oneWithId(rows: readonly LegacyRow[], id: string): LegacyRow | undefined {
  const same = rows.filter((row) => row.id === id);
  if (same.length <= 1) return same[0];
  throw new FootbridgeError('user_ambiguous', { detail: `${same.length} rows have one id` });
}

export function openConnector(store: LegacySettings): Connector {
  const { kind, settings } = wayInto(store);
  const { updatedAt } = store.mapping;
  const { column, from, transform = [] }: Partial<Field> = updatedAt ?? {};
  const isPlain = column !== undefined && from === undefined && transform.length === 0;
  return kind.open(settings, { timeoutMs: store.timeoutMs, ...(isPlain ? { updatedAt: column } : {}) });
}

/** What a row's owner may type; undefined where nothing says so, or the store's own verdict is to stand. */
function loginsBy(store: LegacySettings, sparse: boolean) {
  const { mapping, recheckLogin } = store;
  const { kind, settings } = wayInto(store);
  const columns = kind.loginColumns?.(settings);
  const fields = mapping.login ?? columns?.map((column) => ({ column, transform: [], list: false }));
  if (!recheckLogin || !fields?.length) return undefined;
  return (row: LegacyRow) =>
    fields.flatMap((field) => textsFrom(field, { row: row.columns, related: {}, sparse, nowMs: 0 }));
}

/** One question at a time about one person, whatever the number of those who ask. */
function sharing<T>(ask: (sub: string) => Promise<T>) {
  const underWay = new Map<string, Promise<T>>();
  return {
    read(sub: string): Promise<T> {
      const known = underWay.get(sub);
      if (known) return known;
      const asked = ask(sub).finally(() => {
        if (underWay.get(sub) === asked) underWay.delete(sub);
      });
      underWay.set(sub, asked);
      return asked;
    },
    /** Who asks from now on gets an answer of their own. */
    forget: (sub: string) => underWay.delete(sub),
  };
}

function flagOf(
  connector: Connector,
  { ask, prefix, forget }: { ask: Ask; prefix: string; forget: (sub: string) => void },
): Pick<Directory, 'flag'> {
  if (!connector.flag) return {};
  return {
    flag: async (sub, migrated) => {
      const id = idOf(prefix, sub);
      if (id === undefined) throw new FootbridgeError('user_not_found');
      await ask(async () => connector.flag?.(id, migrated));
      forget(sub);
    },
  };
}
