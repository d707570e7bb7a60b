/** The desk as sync sees it: which target, who leads there, what cannot be written back, and small words for figures. */
import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import type { ApplyField } from '../../legacy/apply.ts';
import type { Directory } from '../../legacy/directory.ts';
import { appendAudit } from '../../store/audit-log.ts';
import type { Pair, PairState } from '../../sync/pairs.ts';
import { allPairs, canBecome, setPair } from '../../sync/pairs.ts';
import type { SyncField } from '../../sync/people/fields.ts';
import { APPLIED_AS, SYNC_FIELDS } from '../../sync/people/fields.ts';
import type { PairSettings } from '../../sync/sync-settings.ts';
import type { Desk, SyncDesk } from '../operation.ts';

export function syncOf({ sync }: Desk): SyncDesk {
  if (sync) return sync;
  throw new FootbridgeError('internal', { detail: 'the desk was opened without what syncs' });
}

/** The only pair where none is named. Throws sync_not_configured, bad_request where there are several. */
export function pairAt(desk: Desk, target?: string): PairSettings {
  const { pairs } = syncOf(desk).settings;
  if (target !== undefined) {
    const pair = pairs.find((one) => one.target === target);
    if (pair) return pair;
    throw new FootbridgeError('sync_not_configured', { detail: `No pair of \`sync.pairs\` is ${target}.` });
  }
  const [only, ...more] = pairs;
  if (!only)
    throw new FootbridgeError('sync_not_configured', { detail: 'The settings have no `sync.pairs`.' });
  if (more.length === 0) return only;
  const names = pairs.map((one) => one.target).join(', ');
  throw new FootbridgeError('bad_request', { detail: `Which target? Name one with --target: ${names}` });
}

export const pairOf = async ({ db }: Pick<Desk, 'db'>, target: string): Promise<Pair | undefined> =>
  (await allPairs(db)).find((one) => one.target === target);

export const stateWords: Readonly<Record<PairState | 'not-started', string>> = {
  'not-started': 'not started',
  aligning: 'aligning: both sides are read from end to end for the first time',
  running: 'running',
  paused: 'paused: changes are taken down and wait',
  draining: 'draining: what waits is done',
  stopped: 'stopped: nothing is taken down any more',
};

/** Before anything is said of what would be done. Throws sync_state. */
export function checkWay(pair: Pair | undefined, to: PairState): void {
  if (canBecome(pair?.state, to)) return;
  throw new FootbridgeError('sync_state', { detail: `It is ${pair?.state ?? 'not started'}.` });
}

/** With its record. Throws sync_state. */
export function changeState(
  { db, actor }: Desk,
  { target, state, action }: { readonly target: string; readonly state: PairState; readonly action: string },
): Promise<Pair> {
  return db.transaction(async (tx) => {
    const pair = await setPair(tx, { target, state, actor });
    await appendAudit(tx, { actor, action, detail: { target } });
    return pair;
  });
}

export interface Unwritten {
  readonly store: string;
  /** The target's word counts for them, by the settings, and the store has no way to be told. */
  readonly fields: readonly (SyncField | 'password')[];
}

const LEADS_TO_LEGACY: ReadonlySet<string> = new Set(['target', 'last-writer', 'ask']);

/** For each store that has any. */
export function unwrittenFields(
  { directory, sync }: { readonly directory: Pick<Directory, 'applies'>; readonly sync: SyncDesk },
  { fields }: PairSettings,
): Unwritten[] {
  const comesBack = (field: SyncField | 'password') =>
    LEADS_TO_LEGACY.has(fields[field].before) || LEADS_TO_LEGACY.has(fields[field].after);
  const wanted = SYNC_FIELDS.filter(comesBack);
  return sync.stores.flatMap(({ name, prefix }) => {
    // What a store takes is the same for everybody in it.
    const applies = directory.applies(`${prefix}1`);
    const takes = (field: ApplyField) => applies.fields.has(field);
    const missing: (SyncField | 'password')[] = wanted.filter((field) => !takes(APPLIED_AS[field]));
    if (comesBack('password') && !applies.password) missing.push('password');
    return missing.length > 0 ? [{ store: name, fields: missing }] : [];
  });
}

/** `4 s`, `3 min`, `2 h`, `5 d`. */
export function age(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  return seconds < 129_600 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`;
}

/** `1.5 GiB`. */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(value) / 10));
  const number = value / 1_024 ** power;
  return `${power === 0 ? number : number.toFixed(1)} ${units[power]}`;
}

export const whichTarget = z
  .string()
  .min(1)
  .optional()
  .describe('The target’s name, where several are kept equal.');
