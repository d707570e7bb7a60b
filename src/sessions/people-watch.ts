/**
 * The table `watched_people`: people with live sessions, who are looked up in the legacy store from time to time. Who is
 * deactivated or removed there, or has a new password, loses every session and everything ever granted.
 *
 * Watched are the state and the password's columns. Where the store shows no password, because it checks them itself (LDAP
 * bind, HTTP), only the state is. A legacy app that writes the same password down anew, as frameworks do at a login when
 * their cost settings have changed, cannot be told from a new password: both end the sessions, unless passwords are not
 * watched. Somebody who is not found is believed to be gone at the second look, so that a table which is being loaded anew
 * logs nobody out.
 */

import { isFootbridgeError } from '../errors.ts';
import type { Directory } from '../legacy/directory.ts';
import type { Db, Queryable } from '../store/db.ts';
import { statement } from '../store/db.ts';
import type { Keyring } from '../store/encryption.ts';
import type { Part } from '../store/statement.ts';
import type { LegacyEntry } from '../user.ts';
import type { EndingCause, Endings } from './ending/ending.ts';
import { markGone, openMarks, wasGone } from './person-mark.ts';

export type WatchCause = Extract<EndingCause, 'deactivated' | 'removed' | 'password-changed'>;

export interface PeopleWatchOptions {
  readonly db: Db;
  readonly keyring: Keyring;
  readonly directory: Pick<Directory, 'findBySub'>;
  readonly endings: Pick<Endings, 'parts'>;
  /** Everybody is looked up so often; 0: nobody is. */
  readonly watchSeconds: number;
  /** Lookups of this node. */
  readonly watchPerSecond: number;
  /** False: a new password is noted and ends nothing. */
  readonly watchPasswords?: boolean;
  /** How passwords are read, as any text: under other settings nobody's password is compared with what it was before. */
  readonly readAs?: string;
  /** Told once per round of each kind. */
  readonly onError: (error: unknown) => void;
  readonly onChanged?: (cause: WatchCause) => void;
  /** Milliseconds that no change of the clock moves. */
  readonly elapsed?: () => number;
}

/** What is known of a watched person, as `knownPart` reads it. */
export interface KnownPerson {
  /** In hex. */
  readonly mark: string | null;
  readonly version: string;
}

export interface PeopleWatch {
  /**
   * For the statement of a login: the person is watched until then (seconds since the epoch). `mark`, from `markOf`: what
   * the login itself has read; one that is known already stays, so that no login hides a change.
   */
  watchPart(sub: string, untilSeconds: number, mark?: Buffer): Part;
  /** Undefined: nobody is watched. */
  markOf(entry: LegacyEntry): Buffer | undefined;
  /**
   * A password has just been proved, and its session is about to begin: what began under another password ends now, because
   * the next round would end the new session with it. Never throws.
   */
  proved(entry: LegacyEntry, known: KnownPerson | undefined): Promise<void>;
  /** For a statement before that: a part named `watched_now` with one row, if the person is watched, for `proved`. */
  knownPart(sub: string): Part;
  /**
   * Looks up whoever it is time for; as many as the time since the last round allows. Call it every second or so, on every
   * node. Throws storage_unavailable.
   */
  round(): Promise<void>;
}

/** At once; a legacy store has other work. */
const AT_ONCE = 8;
/** A node that was held up does not catch up with more than this at once. */
const MAX_ROUND_SECONDS = 5;
/** Whoever could not be looked up, or was not found, is looked up again after this, if not sooner. */
const AGAIN_SECONDS = 60;

interface Watched {
  readonly sub: string;
  readonly mark: Buffer | null;
  /** Changes with every change of the row. */
  readonly version: string;
}

/** What a look has shown. */
type Look =
  | { readonly kind: 'changed'; readonly cause: WatchCause }
  /** To be noted; `again`: and to be looked at soon. */
  | { readonly kind: 'note'; readonly mark: Buffer | null; readonly again: boolean }
  | { readonly kind: 'same' };

const NOBODY: Part = { name: 'watched', text: 'select 1', values: [] };

export function openPeopleWatch(options: PeopleWatchOptions): PeopleWatch {
  const { db, keyring, watchSeconds, watchPerSecond, onError } = options;
  const { readAs = '', watchPasswords = true, elapsed = () => performance.now() } = options;
  const marks = openMarks(keyring, readAs);
  const allowance = openAllowance(watchPerSecond, elapsed);

  const judge = (row: Watched, entry: LegacyEntry | undefined): Look => {
    if (!entry)
      return wasGone(row.mark)
        ? { kind: 'changed', cause: 'removed' }
        : { kind: 'note', mark: markGone(row.mark), again: true };
    // Locked is not deactivated: whoever guesses passwords could otherwise log out whomever they guess at.
    if (entry.user.state === 'disabled') return { kind: 'changed', cause: 'deactivated' };
    const compared = marks.compare(row.mark, entry);
    if (compared === 'same') return { kind: 'same' };
    if (compared === 'other' && watchPasswords) return { kind: 'changed', cause: 'password-changed' };
    return { kind: 'note', mark: marks.of(entry), again: false };
  };

  const look = async (row: Watched, told: Told): Promise<Noted | undefined> => {
    try {
      const seen = judge(row, await options.directory.findBySub(row.sub));
      if (seen.kind === 'changed') await endAll(options, row, seen.cause);
      return seen.kind === 'note' ? { ...row, ...seen } : undefined;
    } catch (error) {
      told(error);
      // Nobody is logged out because a store does not answer, or because their record cannot be read any more.
      return { ...row, again: true };
    }
  };

  return {
    watchPart: (sub, untilSeconds, mark) =>
      watchSeconds === 0 ? NOBODY : watchPart(sub, untilSeconds, mark ?? null),
    markOf: (entry) => (watchSeconds === 0 ? undefined : marks.of(entry)),
    knownPart,
    async proved(entry, known) {
      if (watchSeconds === 0 || !watchPasswords || !known) return;
      const mark = known.mark === null ? null : Buffer.from(known.mark, 'hex');
      const row: Watched = { sub: entry.user.sub, mark, version: known.version };
      try {
        if (marks.compare(mark, entry) === 'other') await endAll(options, row, 'password-changed');
      } catch (error) {
        onError(error);
      }
    },
    async round() {
      const limit = watchSeconds === 0 ? 0 : allowance();
      if (limit === 0) return;
      const told = oncePerKind(onError);
      const due = await db.run<Watched>(CLAIM, [watchSeconds, limit]);
      const noted: Noted[] = [];
      const next = due.values();
      const work = async () => {
        for (const row of next) {
          const note = await look(row, told);
          if (note) noted.push(note);
        }
      };
      await Promise.all(Array.from({ length: Math.min(AT_ONCE, due.length) }, work));
      if (noted.length > 0) await writeNotes(db, noted, Math.min(AGAIN_SECONDS, watchSeconds) - watchSeconds);
    },
  };
}

type Noted = Watched & { readonly again: boolean };

/**
 * Ends all that the person has, unless the row is no longer what was looked at: somebody else has dealt with it then. The
 * row is locked meanwhile, so that a login waits, and begins with a mark of its own.
 */
async function endAll({ db, endings, onChanged }: PeopleWatchOptions, row: Watched, cause: WatchCause) {
  const request = { cause, actor: 'footbridge', everything: true } as const;
  const { parts, afterCommit } = endings.parts({ selection: { by: 'person', sub: row.sub }, ...request });
  const isEnded = await db.transaction(async (tx) => {
    const held = await tx.run(LOCK, [row.sub, row.version]);
    if (held.length > 0) await tx.runParts([...parts, forgetPart(row.sub)], 'select 1 as done');
    return held.length > 0;
  });
  if (!isEnded) return;
  afterCommit();
  onChanged?.(cause);
}

/** Lookups of the time since the last call; the first has a second's. */
function openAllowance(perSecond: number, elapsed: () => number): () => number {
  let left = perSecond;
  let at = elapsed();
  return () => {
    const now = elapsed();
    left = Math.min(left + ((now - at) / 1_000) * perSecond, MAX_ROUND_SECONDS * perSecond);
    at = now;
    const whole = Math.floor(left);
    left -= whole;
    return whole;
  };
}

type Told = (error: unknown) => void;

function oncePerKind(onError: Told): Told {
  const told = new Set<string>();
  return (error) => {
    const kind = isFootbridgeError(error) ? error.code : 'internal';
    if (!told.has(kind)) onError(error);
    told.add(kind);
  };
}

/** Who was not looked at for as long as they may, or never since their row began, has the mark of the login that comes. */
const watchPart = (sub: string, untilSeconds: number, mark: Buffer | null): Part => ({
  name: 'watched',
  text: `insert into watched_people as w (sub, mark, live_until) values ($1::text, $2::bytea, to_timestamp($3::float8))
    on conflict (sub) do update set live_until = greatest(w.live_until, excluded.live_until),
      mark = case when w.live_until > now() then coalesce(w.mark, excluded.mark) else excluded.mark end,
      checked_at = case when w.live_until > now() then w.checked_at else now() end`,
  values: [sub, mark, untilSeconds],
});

const knownPart = (sub: string): Part => ({
  name: 'watched_now',
  text: `select encode(mark, 'hex') as mark, xmin::text as version from watched_people
    where sub = $1::text and live_until > now()`,
  values: [sub],
});

const CLAIM = statement(`with due as materialized (select sub from watched_people
    where checked_at < now() - make_interval(secs => $1) and live_until > now()
    order by checked_at limit $2 for update skip locked)
  update watched_people set checked_at = now() where sub in (select sub from due)
  returning sub, mark, xmin::text as version`);

const LOCK = statement('select 1 from watched_people where sub = $1 and xmin::text = $2 for update');

const forgetPart = (sub: string): Part => ({
  name: 'unwatched',
  text: 'delete from watched_people where sub = $1::text',
  values: [sub],
});

const NOTE = statement(`update watched_people w set mark = n.mark,
    checked_at = case when n.again then now() + make_interval(secs => $5) else w.checked_at end
  from unnest($1::text[], $2::bytea[], $3::text[], $4::bool[]) as n(sub, mark, version, again)
  where w.sub = n.sub and w.xmin::text = n.version`);

/** `shiftSeconds`: into the past, so that it is their turn sooner. */
async function writeNotes(q: Queryable, noted: readonly Noted[], shiftSeconds: number): Promise<void> {
  await q.run(NOTE, [
    noted.map(({ sub }) => sub),
    noted.map(({ mark }) => mark),
    noted.map(({ version }) => version),
    noted.map(({ again }) => again),
    shiftSeconds,
  ]);
}

const SHOW =
  statement(`select mark is not null as "isMarked", checked_at as "checkedAt", live_until as "liveUntil"
  from watched_people where sub = $1 and live_until > now()`);

export interface WatchedPerson {
  readonly isMarked: boolean;
  readonly checkedAt: Date;
  readonly liveUntil: Date;
}

/** For the operator: whether and since when somebody is watched. */
export async function watchedPerson(q: Queryable, sub: string): Promise<WatchedPerson | undefined> {
  return (await q.run<WatchedPerson>(SHOW, [sub]))[0];
}

/** Nobody's sessions live any more. */
export const SWEEP_WATCHED = statement(`with gone as (delete from watched_people where sub in (
    select sub from watched_people where live_until < now() limit $1) and live_until < now() returning 1)
  select count(*)::int as gone from gone`);
