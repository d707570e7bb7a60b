/** The end of sync: whether anything is still missing, and the report that both sides were equal at that moment. */
import { randomUUID } from 'node:crypto';
import { counts } from '../../migration/ledger.ts';
import type { Kind } from '../../migration/reconcile/classify.ts';
import { KINDS } from '../../migration/reconcile/classify.ts';
import { COMPARED_FIELDS } from '../../migration/reconcile/marks.ts';
import { reconcile } from '../../migration/reconcile/reconcile.ts';
import type { Run } from '../../migration/reconcile/reconciliations.ts';
import type { ReconciliationReport } from '../../migration/reconcile/report.ts';
import { countEvents } from '../../sync/inbox.ts';
import type { FeedRow } from '../../sync/intake/feeds.ts';
import type { PairOverview } from '../../sync/overview.ts';
import { syncOverview } from '../../sync/overview.ts';
import type { EqualityReport } from '../../sync/reports.ts';
import { sealedReport } from '../../sync/reports.ts';
import { partsOf, reconcileDeps } from '../batch/reconcile-desk.ts';
import { count } from '../batch/status-text.ts';
import type { Desk } from '../operation.ts';
import { syncOf } from './sync-desk.ts';

/** What an operator may take as it is, beside kinds of differences. */
const MORE = ['unreadable', 'passwords'] as const;

/** `KIND`, `KIND:FIELD`, `unreadable` or `passwords`. */
export function isAcceptable(word: string): boolean {
  const [kind, field, ...rest] = word.split(':');
  if (rest.length > 0) return false;
  const isKind = KINDS.some((one) => one === kind);
  if (field !== undefined) return isKind && COMPARED_FIELDS.some((one) => one === field);
  return isKind || MORE.some((one) => one === kind);
}

export interface Looked {
  readonly overview: PairOverview;
  readonly feeds: readonly FeedRow[];
  readonly unheard: readonly string[];
}

export async function lookAtPair(desk: Desk, target: string): Promise<Looked> {
  const { pairs, feeds } = await syncOverview({ db: desk.db, queue: syncOf(desk).queue }, [target]);
  return { overview: pairs[0]!, feeds, unheard: await unheardOf(desk, { target, feeds }) };
}

/** What was told and nobody has taken down yet, as sentences: the stores are asked now. */
async function unheardOf(
  { db, directory }: Desk,
  { target, feeds }: { readonly target: string; readonly feeds: readonly FeedRow[] },
): Promise<string[]> {
  const events = await countEvents(db, target);
  const lags = await Promise.all(
    directory.feeds.map(async ({ store, feed }) => {
      const row = feeds.find((one) => one.store === store && one.feed === feed.name);
      const lag = await feed.lag(row?.position ?? undefined);
      const changes = lag.changes ?? 0;
      return changes > 0 ? [`${count(changes)} changes of ${store} are not read yet.`] : [];
    }),
  );
  return [
    ...lags.flat(),
    ...(events > 0 ? [`${count(events)} events of ${target} are not looked at yet.`] : []),
  ];
}

/** What has to be done before both sides are compared, as sentences. */
export function undone({ overview, unheard }: Looked, accepted: readonly string[]): string[] {
  const { queue, open, passwords, target } = overview;
  const conflicts = open.reduce((sum, one) => sum + one.conflicts, 0);
  const waiting = passwords
    .filter(({ state }) => state === 'waits')
    .reduce((sum, { people }) => sum + people, 0);
  return [
    ...unheard,
    ...(queue === null ? ['The queue does not answer: nobody knows what waits in it.'] : []),
    ...(queue && queue.live + queue.backlog > 0
      ? [`${people(queue.live + queue.backlog)} still waiting for their turn: footbridge sync status`]
      : []),
    ...(queue && queue.dead > 0
      ? [`${count(queue.dead)} dead letters: footbridge sync dead --target ${target}`]
      : []),
    ...(conflicts > 0
      ? [`${count(conflicts)} conflicts are not decided: footbridge sync conflicts --target ${target}`]
      : []),
    ...(waiting > 0 && !accepted.includes('passwords')
      ? [
          `${people(waiting)} without their newest password at the target: it is caught when they log in here (or --accept passwords).`,
        ]
      : []),
  ];
}

const people = (value: number) => `${count(value)} ${value === 1 ? 'person is' : 'people are'}`;

/** Differences that nobody has accepted, as sentences. */
export function differing(
  { differences, people: found, target }: ReconciliationReport,
  accepted: readonly string[],
): string[] {
  const kinds = KINDS.filter(
    (kind) => differences.byKind[kind] > 0 && !isAccepted(kind, differences, accepted),
  );
  return [
    ...kinds.map((kind) => {
      const fields = fieldsWith(kind, differences);
      const which = fields.length > 0 ? ` (${fields.join(', ')})` : '';
      return `${count(differences.byKind[kind])} differences are ${kind}${which}: footbridge batch verify --target ${target} --plan FILE names them (or --accept ${kind}).`;
    }),
    ...(found.unreadable > 0 && !accepted.includes('unreadable')
      ? [`${count(found.unreadable)} legacy records cannot be read (or --accept unreadable).`]
      : []),
  ];
}

function isAccepted(
  kind: Kind,
  differences: ReconciliationReport['differences'],
  accepted: readonly string[],
): boolean {
  if (accepted.includes(kind)) return true;
  const fields = fieldsWith(kind, differences);
  return fields.length > 0 && fields.every((field) => accepted.includes(`${kind}:${field}`));
}

const fieldsWith = (kind: Kind, { byField }: ReconciliationReport['differences']): string[] =>
  Object.entries(byField).flatMap(([field, kinds]) => ((kinds[kind] ?? 0) > 0 ? [field] : []));

/** Both sides, from the beginning: one that was cut off says nothing of now. */
export const compareAll = (
  desk: Desk,
  target: string,
  onPage: (run: Run) => void,
): Promise<ReconciliationReport> =>
  reconcile(reconcileDeps(desk, target), { restart: true, actor: desk.actor, onPage });

export interface Compared extends Looked {
  readonly reconciliation: ReconciliationReport;
  readonly accepted: readonly string[];
}

/** As it is signed and kept. */
export async function equalityReport(desk: Desk, compared: Compared): Promise<EqualityReport> {
  const { overview, feeds, reconciliation, accepted } = compared;
  const { target: name, queue, decided, passwords } = overview;
  const { target: _, ...turns } = queue!;
  const ledger = (await counts(desk.db)).filter(({ target }) => target === name);
  const { head } = await desk.audit.verify();
  return sealedReport({
    type: 'footbridge-sync-equality',
    version: 1,
    id: randomUUID(),
    target: name,
    targetKind: reconciliation.targetKind,
    at: new Date().toISOString(),
    actor: desk.actor,
    softwareVersion: partsOf(desk).softwareVersion,
    ledger: Object.fromEntries(ledger.map(({ state, users }) => [state, users])),
    queue: turns,
    conflicts: decided,
    passwords,
    accepted,
    reconciliation,
    feeds: feeds.map(({ store, feed, position, changes, readAt }) => ({
      store,
      feed,
      position,
      changes,
      readAt: readAt?.toISOString() ?? null,
    })),
    auditHead: head ?? null,
  });
}
