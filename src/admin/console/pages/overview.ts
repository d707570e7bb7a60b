import { lastCensus } from '../../../rollout/census.ts';
import { countsBetween } from '../../../rollout/counts.ts';
import { keptForecasts } from '../../../rollout/forecast-kept.ts';
import { readSnapshot } from '../../../rollout/phases.ts';
import type { Desk } from '../../operation.ts';
import { attention } from '../attention.ts';
import { chartView } from '../charts.ts';
import { known, valueOr } from '../known.ts';
import { byApp, pathChart, spanOf, summaryOf } from '../login-figures.ts';
import { definePage } from '../page.ts';
import { STATE_BADGES } from '../phase-words.ts';
import { phaseHref, rolloutHref } from '../rollout-view.ts';
import { isOld, riverChart, standingOf } from '../standing.ts';
import { targetOf } from '../which-target.ts';

const RIVER_DAYS = 90;
/** The busiest apps; the page of logins has them all. */
const APPS = 5;

/** Where everybody stands, what needs a human, how today’s logins went, and when it will be over. */
export const overviewPage = definePage({
  path: '',
  title: 'Overview',
  menu: { group: 'Now', order: 0 },
  async load(desk, ask) {
    const target = targetOf(desk, ask)?.name;
    const [needs, today, way] = await Promise.all([
      attention(desk, ask),
      todayOf(desk, ask.now),
      target === undefined ? null : wayTo(desk, target, ask.now),
    ]);
    return { template: 'overview', data: { target, needs, today, way }, refreshSeconds: 60 };
  },
});

async function todayOf({ db }: Desk, now: Date) {
  const span = spanOf('day', now);
  const rows = await known(countsBetween(db, span));
  if (!rows.isKnown) return { why: rows.why };
  const chart = pathChart(rows.value, span);
  return {
    summary: summaryOf(rows.value),
    apps: byApp(rows.value).slice(0, APPS),
    chart: rows.value.length > 0 ? chartView({ ...chart, title: 'Logins by path' }) : null,
  };
}

async function wayTo({ db }: Desk, target: string, now: Date) {
  const standing = await known(standingOf(db, target));
  const today = standing.isKnown ? standing.value.byState : undefined;
  const [river, snapshot, kept, census] = await Promise.all([
    known(riverChart(db, { target, days: RIVER_DAYS, now, ...(today ? { today } : {}) })),
    known(readSnapshot(db, target)),
    known(keptForecasts(db, target, 1)),
    known(lastCensus(db, target)),
  ]);
  const [forecast] = valueOr(kept, []);
  const counted = valueOr(census, undefined);
  const drawn = valueOr(river, undefined);
  const planned = valueOr(snapshot, undefined);
  return {
    href: rolloutHref(target),
    standing: valueOr(standing, null),
    whyNot: standing.isKnown ? null : standing.why,
    river: drawn ? chartView(drawn) : null,
    phases: planned?.plan.phases.map(({ name, title }) => ({
      title: title ?? name,
      href: phaseHref(target, name),
      badge: STATE_BADGES[planned.phases.get(name)?.state ?? 'planned'],
    })),
    census: counted ? { at: counted.at, isOld: isOld(counted, now) } : null,
    forecast: forecast
      ? { at: forecast.at, end: forecast.forecast.end, goal: forecast.forecast.asked.goal }
      : null,
  };
}
