import { FootbridgeError } from '../../../errors.ts';
import { countsBetween } from '../../../rollout/counts.ts';
import { mayDo } from '../../perform.ts';
import { chartView } from '../charts.ts';
import { known } from '../known.ts';
import { outcomeChart, spanOf } from '../login-figures.ts';
import { definePage } from '../page.ts';
import { appsWords, segmentWords } from '../phase-words.ts';
import { boardOf, segmentProgress } from '../rollout-board.ts';
import { rolloutHref, shownCard } from '../rollout-view.ts';
import { riverChart } from '../standing.ts';
import { targetOf } from '../which-target.ts';

const RIVER_DAYS = 90;

/** One phase: whom it is for, how far it is, what its gates say, and what can be done. */
export const phasePage = definePage({
  path: 'rollout/:target/phases/:phase',
  title: 'Phase',
  async load(desk, ask) {
    const { name: target } = targetOf(desk, ask)!;
    const board = await boardOf(desk.db, target, ask.now);
    const found = board?.cards.find(({ phase }) => phase.name === ask.params.phase);
    if (!board || !found)
      throw new FootbridgeError('phase_not_found', { detail: `${ask.params.phase} at ${target}` });
    const { plan } = board.snapshot;
    const { phase, row } = found;
    const span = spanOf('week', ask.now);
    const started = row.startedAt
      ? [{ at: row.startedAt.getTime() / 1_000, name: `attempt ${row.attempt}` }]
      : [];
    const asked = { target, days: RIVER_DAYS, now: ask.now, phase: phase.name };
    const [river, counts, segments] = await Promise.all([
      known(riverChart(desk.db, asked, started)),
      known(countsBetween(desk.db, { ...span, target })),
      known(segmentProgress(desk.db, board, { card: found, now: ask.now })),
    ]);
    const own = counts.isKnown ? counts.value.filter((one) => one.phase === phase.name) : [];
    return {
      title: phase.title ?? phase.name,
      template: 'phase',
      data: {
        target,
        backHref: rolloutHref(target),
        mayAct: mayDo(ask.who.role, 'operator'),
        card: shownCard(ask.who, board, found),
        isLive: board.isLive,
        hasCensus: board.census !== null,
        apps: appsWords(phase, plan),
        segments: phase.segments.map((name) => ({
          name,
          says: segmentWords(plan.segments[name]!),
          progress: segments.isKnown ? segments.value.find((one) => one.name === name) : undefined,
        })),
        river: river.isKnown && river.value ? chartView(river.value) : null,
        logins: own.length > 0 ? chartView(outcomeChart(own, span)) : null,
      },
      refreshSeconds: 60,
    };
  },
});
