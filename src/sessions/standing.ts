/** How it stands with a session that we know of, as its app says now. */
import { nowSeconds } from '../clock.ts';
import type { Gate } from './app-gate.ts';
import type { FoundSession } from './legacy-app.ts';
import type { LegacySessionDeps } from './legacy-sessions.ts';
import type { OpenedApp } from './opened-app.ts';
import { personOf } from './recognition.ts';
import type { LegacySessionRow } from './registry.ts';
import { noteChecked, noteOver, openHandle } from './registry.ts';

export type Standing =
  /** `usedAt`, seconds since the epoch: it was used at the app since we heard of it last. */
  | { readonly is: 'live'; readonly usedAt?: number }
  /** The person has logged out there: our session has to end, and with it this. */
  | { readonly is: 'left' }
  /** It ran out, or its end is none of our session's business; it is written down as ended. */
  | { readonly is: 'over' }
  /** It cannot be asked about: its handle was sealed under a master key that is gone. */
  | { readonly is: 'unknown' };

export interface Asking {
  readonly gate: Gate;
  readonly timeoutMs: number;
}

/** Clocks differ, and rounds take their time: what ends within this of its end has run out. */
const GRACE_SECONDS = 60;
const MAX_LIFE_SECONDS = 400 * 86_400;

/** Asks, and writes down what it hears. Throws legacy_unavailable, storage_unavailable. */
export async function standingOf(
  { name, app, settings }: OpenedApp,
  deps: LegacySessionDeps,
  { row, gate, timeoutMs }: Asking & { readonly row: LegacySessionRow },
): Promise<Standing> {
  // It was over when it was asked about last, and our own session did not end as it should have.
  if (row.overAt) return { is: 'left' };
  const handle = row.handle === null ? undefined : openHandle(deps.keyring, name, row.handle);
  if (handle === undefined) return { is: 'unknown' };
  const now = (deps.nowSeconds ?? nowSeconds)();
  const found = await gate.run((signal) => app.check!(handle, { signal }), { timeoutMs });
  if (found && !(await isSomebodyElse(deps, settings, { found, row })))
    return noteLive(deps, row, { found, now, maxIdleSeconds: settings.maxIdleSeconds });
  if (!settings.follow || (!found && hasRunOut(row, settings.maxIdleSeconds, now))) {
    await noteOver(deps.db, [row.id], 'ended');
    return { is: 'over' };
  }
  return { is: 'left' };
}

function hasRunOut(row: LegacySessionRow, maxIdleSeconds: number, now: number): boolean {
  const endsAt = Math.min(row.expiresAt.getTime() / 1_000, row.seenAt.getTime() / 1_000 + maxIdleSeconds);
  return endsAt <= now + GRACE_SECONDS;
}

async function noteLive(
  { db }: LegacySessionDeps,
  row: LegacySessionRow,
  { found, now, maxIdleSeconds }: { found: FoundSession; now: number; maxIdleSeconds: number },
): Promise<Standing> {
  // A time in the future says nothing.
  const usedAt = found.lastUsedAt !== undefined && found.lastUsedAt <= now ? found.lastUsedAt : undefined;
  // Where the app does not say until when: whatever is live now is so for another while.
  const expiresAt = found.expiresAt ?? Math.max(row.expiresAt.getTime() / 1_000, now + maxIdleSeconds);
  await noteChecked(db, row.id, {
    expiresAt: Math.min(expiresAt, now + MAX_LIFE_SECONDS),
    ...(usedAt === undefined ? {} : { lastUsedAt: usedAt }),
  });
  const isNews = usedAt !== undefined && usedAt * 1_000 > row.seenAt.getTime();
  return { is: 'live', ...(isNews ? { usedAt } : {}) };
}

/**
 * Somebody else has logged in in the same session: this person has left it. By login it is looked up only where the name is
 * not the one we know; nobody of that name is no proof, as names change.
 */
export async function isSomebodyElse(
  deps: LegacySessionDeps,
  settings: OpenedApp['settings'],
  { found: { person }, row }: { readonly found: FoundSession; readonly row: Pick<LegacySessionRow, 'sub'> },
): Promise<boolean> {
  if (person.by === 'subject') return person.value !== row.sub;
  if (person.by === 'id') return person.value !== deps.directory.legacyIdOf(row.sub);
  const known = await deps.directory.userBySub(row.sub);
  if (known && [known.username, known.email].includes(person.value)) return false;
  const entry = await personOf(deps, settings, person);
  return entry !== undefined && entry.user.sub !== row.sub;
}
