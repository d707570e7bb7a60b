import { z } from 'zod';
import { appendAudit } from '../../store/audit-log.ts';
import type { PairState } from '../../sync/pairs.ts';
import { allowGoing } from '../../sync/pairs.ts';
import { missAnew } from '../../sync/people/states.ts';
import { NOTHING_CHANGED } from '../claim-tokens/claim-desk.ts';
import type { Desk } from '../operation.ts';
import { defineOperation } from '../operation.ts';
import { changeState, checkWay, pairAt, pairOf, whichTarget } from '../sync/sync-desk.ts';

const input = z.strictObject({ target: whichTarget });

interface Way {
  readonly state: PairState;
  readonly action: string;
  /** What comes of it. */
  readonly words: string;
}

async function go(desk: Desk, named: string | undefined, { execute, way }: { execute: boolean; way: Way }) {
  const { target } = pairAt(desk, named);
  const before = await pairOf(desk, target);
  checkWay(before, way.state);
  if (execute) await changeState(desk, { target, ...way });
  return { executed: execute, target, before: before?.state ?? null, state: way.state };
}

const lines =
  ({ words }: Way) =>
  ({ executed, target, before, state }: Awaited<ReturnType<typeof go>>): string =>
    [
      `${target} ${executed ? 'is' : 'would be'} ${state}${before ? `, and was ${before}` : ''}.`,
      `  ${words}`,
      ...(executed ? [] : [NOTHING_CHANGED]),
    ].join('\n');

const PAUSE: Way = {
  state: 'paused',
  action: 'sync.paused',
  words:
    'Nothing is written on either side after the turns that are under way; changes are taken down and wait. Nobody is lost by it.',
};
const RESUME: Way = {
  state: 'running',
  action: 'sync.resumed',
  words: 'Whoever waits gets their turn, people with live edits first.',
};
const DRAIN: Way = {
  state: 'draining',
  action: 'sync.draining',
  words:
    'What waits is done; both sides are not read from end to end any more. When nothing is left: footbridge sync stop',
};

export const syncPause = defineOperation({
  name: 'sync pause',
  summary: 'Stops writing on both sides, on all servers; changes are taken down and wait.',
  input,
  changes: true,
  run: (desk, { target }, { execute }) => go(desk, target, { execute, way: PAUSE }),
  print: lines(PAUSE),
});

export const syncResume = defineOperation({
  name: 'sync resume',
  summary: 'Goes on after a pause, or after draining was begun too early.',
  input: z.strictObject({
    target: whichTarget,
    letGo: z
      .boolean()
      .default(false)
      .describe(
        'For 24 hours, however many people have vanished at a side are done with as `gone` says: after sync has paused itself because they were too many, and they are gone indeed.',
      ),
  }),
  changes: true,
  danger: ({ letGo }) => letGo,
  async run(desk, { target: named, letGo: isLetGo }, { execute }) {
    const { target } = pairAt(desk, named);
    const { db, actor } = desk;
    checkWay(await pairOf(desk, target), RESUME.state);
    if (execute) {
      // Whoever was missed by mistake must not count as missed for long.
      await missAnew(db, target);
      if (isLetGo) {
        await allowGoing(db, target);
        await appendAudit(db, { actor, action: 'sync.let-go', detail: { target } });
      }
    }
    return go(desk, target, { execute, way: RESUME });
  },
  print: lines(RESUME),
});

export const syncDrain = defineOperation({
  name: 'sync drain',
  summary: 'Does what waits, as the step before sync stop: for when the last app has switched.',
  input,
  changes: true,
  run: (desk, { target }, { execute }) => go(desk, target, { execute, way: DRAIN }),
  print: lines(DRAIN),
});
