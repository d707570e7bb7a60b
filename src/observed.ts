/** What everything stands on, with its calls measured and traced; and what the calls say of how it is. */

import type { Passwords } from './credentials/passwords.ts';
import { isFootbridgeError } from './errors.ts';
import type { Directory } from './legacy/directory.ts';
import type { Around } from './observability/around.ts';
import { calledThrough, timed } from './observability/around.ts';
import type { Metrics } from './observability/metrics.ts';
import type { Tracing } from './observability/tracing.ts';
import { noSpan } from './observability/tracing.ts';
import type { Db, Queryable } from './store/db.ts';
import type { Targets } from './targets/target.ts';
import type { LegacyEntry } from './user.ts';

export interface Observed {
  readonly inSpan: Tracing['inSpan'];
  db(db: Db): Db;
  /** `around`: what it asks its stores beside the calls themselves. */
  directory(open: (around: Around) => Directory): Directory;
  passwords(passwords: Passwords): Passwords;
  targets(targets: Targets): Targets;
  /** When somebody was turned away last because too many hashes were to be computed, by `performance.now()`. */
  readonly hashing: { refusedAt: number };
  /** Targets that have not answered the last few times, though somebody has called. */
  silentTargets(): readonly string[];
}

/** On a command line nobody measures. */
export const unobserved: Observed = {
  inSpan: noSpan,
  db: (db) => db,
  directory: (open) => open((_name, work) => work()),
  passwords: (passwords) => passwords,
  targets: (targets) => targets,
  hashing: { refusedAt: Number.NEGATIVE_INFINITY },
  silentTargets: () => [],
};

/** One call may be lost on the way. */
const SILENT_CALLS = 3;
/** Nobody has called for as long: it may be back. */
const SILENT_MS = 10 * 60_000;

export function observing(
  { inSpan, isOn }: Tracing,
  metrics: Pick<Metrics, 'hashingSeconds' | 'hashingRefused' | 'legacyCalls' | 'targetCalls'>,
): Observed {
  const silence = new Map<string, { calls: number; sinceMs: number }>();
  const hashing = { refusedAt: Number.NEGATIVE_INFINITY };
  const hears = (target: string, isSilent: boolean) => {
    const calls = isSilent ? (silence.get(target)?.calls ?? 0) + 1 : 0;
    silence.set(target, { calls, sinceMs: performance.now() });
  };
  return {
    inSpan,
    db: (db) => (isOn ? tracedDb(db, inSpan) : db),
    directory: (open) => {
      const around: Around = (name, work) =>
        timed(
          () => inSpan(`legacy ${name}`, { 'footbridge.call': name }, work),
          ({ seconds, error }) => {
            const result = isFootbridgeError(error, 'legacy_unavailable') ? 'unavailable' : 'answered';
            metrics.legacyCalls.observe({ call: name, result }, seconds);
          },
        );
      const calls = calledThrough(open(around), around, NO_LEGACY_CALLS);
      const find = (by: 'findByLogin' | 'findBySub') => async (key: string) =>
        checkedThrough(await calls[by](key), around);
      return { ...calls, findByLogin: find('findByLogin'), findBySub: find('findBySub') };
    },
    passwords: (passwords) => {
      const isRefused = (error: unknown): boolean => {
        if (!isFootbridgeError(error, 'hashing_overloaded')) return false;
        metrics.hashingRefused.inc();
        hashing.refusedAt = performance.now();
        return true;
      };
      const around: Around = (name, work) =>
        timed(
          () => inSpan(`password ${name}`, { 'footbridge.call': name }, work),
          ({ seconds, error }) => {
            if (!isRefused(error)) metrics.hashingSeconds.observe({ call: name }, seconds);
          },
        );
      const announce = () => {
        try {
          return passwords.announce();
        } catch (error) {
          isRefused(error);
          throw error;
        }
      };
      return { ...calledThrough(passwords, around, NO_HASHING), announce };
    },
    targets(targets) {
      const watched = <T extends object>(target: string, ends: T): T => {
        const around: Around = (name, work) =>
          timed(
            () => inSpan(`target ${name}`, { 'footbridge.target': target, 'footbridge.call': name }, work),
            ({ seconds, error, value }) => {
              const isSilent = isUnanswered(error, value);
              metrics.targetCalls.observe({ target, result: isSilent ? 'unavailable' : 'answered' }, seconds);
              hears(target, isSilent);
            },
          );
        return calledThrough(ends, around, NO_CALLS);
      };
      return {
        ...targets,
        connection: remembered(targets.connection, watched),
        signIn: remembered(targets.signIn, watched),
        organizations: remembered(targets.organizations, watched),
      };
    },
    hashing,
    silentTargets: () =>
      [...silence]
        .filter(([, { calls, sinceMs }]) => calls >= SILENT_CALLS && performance.now() - sinceMs < SILENT_MS)
        .map(([target]) => target),
  };
}

/** Where the store checks passwords itself, that is the call people wait for. */
function checkedThrough(entry: LegacyEntry | undefined, around: Around): LegacyEntry | undefined {
  const { storeCheck } = entry?.credentials ?? {};
  if (!entry || !storeCheck) return entry;
  const verify = (password: string) => around('verifyPassword', () => storeCheck.verify(password));
  return { ...entry, credentials: { ...entry.credentials, storeCheck: { ...storeCheck, verify } } };
}

const NO_CALLS: ReadonlySet<string> = new Set(['close', 'preview']);
/** Answered from memory, or no question; `userBySub` is measured where memory does not answer it. */
const NO_LEGACY_CALLS: ReadonlySet<string> = new Set([
  ...['legacyIdOf', 'userBySub', 'forget', 'organizationKey', 'writes', 'applies', 'entries', 'close'],
]);
const NO_HASHING: ReadonlySet<string> = new Set([
  ...['identify', 'translate', 'examine', 'translateFor', 'stats', 'close'],
]);

/** Whoever asks twice gets the same object. */
function remembered<T extends object>(
  of: (name: string) => T | undefined,
  made: (name: string, thing: T) => T,
): (name: string) => T | undefined {
  const known = new Map<string, T>();
  return (name) => {
    const kept = known.get(name);
    const thing = kept ? undefined : of(name);
    if (kept || !thing) return kept;
    const fresh = made(name, thing);
    known.set(name, fresh);
    return fresh;
  };
}

/** Some calls throw it, some say it of each person. */
function isUnanswered(error: unknown, value: unknown): boolean {
  if (error !== undefined) return isFootbridgeError(error, 'target_unavailable');
  const outcomes = Array.isArray(value) ? value : [value];
  return outcomes.length > 0 && outcomes.every(isAway);
}
const isAway = (outcome: unknown): boolean => {
  const { kind, isThrottled } = (outcome ?? {}) as { kind?: unknown; isThrottled?: unknown };
  return kind === 'unavailable' && isThrottled !== true;
};

function tracedDb(db: Db, inSpan: Tracing['inSpan']): Db {
  const traced = (q: Queryable): Queryable => ({
    run: (statement, values) => inSpan(nameOf(statement.text), SQL, () => q.run(statement, values)),
    runParts: (parts, final) =>
      inSpan(`with ${parts.map(({ name }) => name).join(' ')}`.slice(0, NAME_LENGTH), SQL, () =>
        q.runParts(parts, final),
      ),
  });
  return {
    ...db,
    ...traced(db),
    transaction: (work) => inSpan('transaction', SQL, () => db.transaction((tx) => work(traced(tx)))),
  };
}

const SQL = { 'db.system.name': 'postgresql' };
const FIRST_WORDS = 5;
const NAME_LENGTH = 80;
/** A statement's text is ours and holds no value; its first words tell which it is. */
const nameOf = (text: string): string =>
  text.trim().split(/\s+/, FIRST_WORDS).join(' ').slice(0, NAME_LENGTH);
