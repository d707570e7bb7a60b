/** What needs a human, from all over the house, the worst first; each with where to look and what to do. */
import type { BatchStatus } from '../../migration/batch/batch.ts';
import { countWork } from '../../migration/moving/target-work.ts';
import { phaseRows, plannedTargets, switchRows } from '../../rollout/phases.ts';
import { countDeliveries } from '../../sessions/ending/deliveries.ts';
import { syncStanding } from '../../sync/overview.ts';
import { listApprovals } from '../approvals/approvals.ts';
import type { Desk } from '../operation.ts';
import type { Known } from './known.ts';
import { known } from './known.ts';
import { offer } from './offers.ts';
import type { PageAsk } from './page.ts';
import type { Link } from './panels.ts';
import { count, counted } from './panels.ts';
import { phaseHref, rolloutHref } from './rollout-view.ts';
import { actorWords } from './words.ts';

export interface Concern {
  readonly level: 'bad' | 'warn';
  readonly what: string;
  readonly why: string;
  readonly href: string;
  /** What helps, where it is one operation. */
  readonly act?: Link | undefined;
}

/** Parts of the house that were asked, and do not answer. */
export interface Attention {
  readonly concerns: readonly Concern[];
  readonly silent: readonly { readonly what: string; readonly why: string }[];
}

type Asked = Pick<PageAsk, 'who' | 'now'>;
type Source = (desk: Desk, asked: Asked) => Promise<readonly Concern[]>;

/** Each is asked by itself: one that does not answer hides none of the others. */
const SOURCES: Readonly<Record<string, Source>> = {
  'the old store': legacyStore,
  'phases and switches': phases,
  approvals,
  batches,
  moves: work,
  'logout messages': deliveries,
  sync,
};

export async function attention(desk: Desk, asking: Asked): Promise<Attention> {
  const asked = await Promise.all(
    Object.entries(SOURCES).map(async ([what, source]) => ({
      what,
      said: await known(source(desk, asking)),
    })),
  );
  const concerns = asked.flatMap(({ said }) => (said.isKnown ? said.value : []));
  return {
    concerns: concerns.sort((a, b) => Number(b.level === 'bad') - Number(a.level === 'bad')),
    silent: asked.flatMap(({ what, said }) => (said.isKnown ? [] : [{ what, why: said.why }])),
  };
}

/** Its outage is a concern of its own, and not a part that is silent. */
async function legacyStore({ directory }: Desk): Promise<Concern[]> {
  const said: Known<void> = await known(directory.check(), LEGACY_PATIENCE_MS);
  if (said.isKnown) return [];
  const why = `${said.why} Nobody can log in with an old password until it does; whoever has moved is not touched.`;
  return [{ level: 'bad', what: 'The old store cannot be asked', why, href: '/admin/health' }];
}
/** Less than the page waits for each part. */
const LEGACY_PATIENCE_MS = 1_500;

async function phases({ db }: Desk, { who }: Asked): Promise<Concern[]> {
  const targets = await plannedTargets(db);
  const each = await Promise.all(
    targets.map(async (target) => {
      const [rows, switches] = await Promise.all([phaseRows(db, target), switchRows(db, target)]);
      const paused = rows.filter(({ state }) => state === 'paused');
      return [
        ...paused.map(({ phase, reason, cause }): Concern => {
          const isGate = cause === 'gate';
          return {
            level: isGate ? 'bad' : 'warn',
            what: `${phase} is paused${isGate ? ' by its gate' : ''}`,
            why: reason ?? 'Nobody new is assigned.',
            href: phaseHref(target, phase),
            act: offer(who, { operation: 'rollout resume', label: 'Resume', input: { phase, target } })[0],
          };
        }),
        ...switches.map(
          ({ kind, name, reason, actor }): Concern => ({
            level: 'warn',
            what: `The kill switch of ${kind === 'everything' ? 'the whole plan' : `the ${kind} ${name}`} is on`,
            why: `${reason} (${actorWords(actor)})`,
            href: rolloutHref(target),
          }),
        ),
      ];
    }),
  );
  return each.flat();
}

/** More than anybody grants in a day. */
const MAX_APPROVALS = 50;

async function approvals({ db }: Desk, { now }: Asked): Promise<Concern[]> {
  const all = await listApprovals(db, { nowMs: now.getTime(), limit: MAX_APPROVALS });
  return all
    .filter(({ state }) => state === 'asked')
    .map(({ operation, askedBy, expiresAt }) => ({
      level: 'warn',
      what: `${askedBy} asks for a second pair of eyes: ${operation}`,
      why: `Somebody else has to approve it before ${expiresAt.toISOString().slice(0, 16).replace('T', ' ')} UTC.`,
      href: '/admin/approvals',
    }));
}

/** The operator’s own pause is no surprise to anybody. */
const EXPECTED = new Set(['paused_by_operator', 'undoing', 'own_limit']);

async function batches({ batches: kept }: Desk, { who }: Asked): Promise<Concern[]> {
  return (await kept.list()).flatMap((batch) => batchConcerns(batch, who));
}

function batchConcerns({ id, state, counts, note }: BatchStatus, who: Asked['who']): Concern[] {
  const href = `/admin/batches/${encodeURIComponent(id)}`;
  const isOpen = state === 'running' || state === 'paused' || state === 'done';
  return [
    ...(note && !EXPECTED.has(note.code) && state !== 'done' && state !== 'undone'
      ? [
          {
            level: state === 'paused' ? ('bad' as const) : ('warn' as const),
            what: `The batch ${id} ${state === 'paused' ? 'stands still' : 'is slowed down'}`,
            why: note.sentence,
            href,
          },
        ]
      : []),
    ...(isOpen && counts.failed > 0
      ? [
          {
            level: 'warn' as const,
            what: `${count(counts.failed)} of the batch ${id} failed`,
            why: 'They stay where they are until somebody sends them again.',
            href,
            act: offer(who, { operation: 'batch replay', label: 'Send again', input: { batch: id } })[0],
          },
        ]
      : []),
  ];
}

async function work({ db }: Desk): Promise<Concern[]> {
  const counts = await countWork(db);
  return counts
    .filter(({ givenUp }) => givenUp > 0)
    .map(({ target, givenUp }) => ({
      level: 'bad',
      what: `Given up: ${counted(givenUp, 'move')} to ${target}`,
      why: 'These people logged in, and could not be made at the target.',
      href: '/admin/letters',
    }));
}

async function deliveries({ db }: Desk): Promise<Concern[]> {
  const counts = await countDeliveries(db);
  return counts
    .filter(({ dead }) => dead > 0)
    .map(({ kind, name, dead }) => ({
      level: 'warn',
      what: `${counted(dead, 'logout')} never reached ${name}`,
      why: `This ${kind} was told for a day, and did not take them: these sessions may still be open there.`,
      href: '/admin/letters',
    }));
}

async function sync({ db, sync: synced }: Desk): Promise<Concern[]> {
  const targets = synced?.settings.pairs.map(({ target }) => target) ?? [];
  if (!synced || targets.length === 0) return [];
  const { pairs } = await syncStanding({ db, queue: synced.queue }, targets);
  return pairs.flatMap(({ target, queue, open }): Concern[] => {
    const conflicts = open.reduce((sum, one) => sum + one.conflicts, 0);
    return [
      ...(queue && queue.dead > 0
        ? [
            {
              level: 'bad' as const,
              what: `${counted(queue.dead, 'dead letter')} of sync with ${target}`,
              why: 'These changes were tried for long, and are not equal on both sides.',
              href: '/admin/letters',
            },
          ]
        : []),
      ...(conflicts > 0
        ? [
            {
              level: 'warn' as const,
              what: `Waiting for somebody: ${counted(conflicts, 'conflict')} with ${target}`,
              why: 'Both sides were changed, and the settings leave it to a person.',
              href: '/admin/sync',
            },
          ]
        : []),
    ];
  });
}
