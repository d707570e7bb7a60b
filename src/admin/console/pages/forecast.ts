import { lastCensus } from '../../../rollout/census.ts';
import { forecastAgainst, keptForecasts } from '../../../rollout/forecast-kept.ts';
import { plannedTargets } from '../../../rollout/phases.ts';
import { mayDo } from '../../perform.ts';
import { chartView } from '../charts.ts';
import { againstChart, lineOf, summaryOf } from '../foresight.ts';
import { definePage } from '../page.ts';
import { rolloutHref } from '../rollout-view.ts';
import { targetOf } from '../which-target.ts';

/** A year of weekly ones, to choose from. */
const OFFERED = 52;

/** What was foreseen, at a time of one’s choice, and what came. */
export const forecastPage = definePage({
  path: 'forecast',
  title: 'Forecast',
  menu: { group: 'Move', order: 30 },
  async load({ db, targets }, ask) {
    const target = targetOf({ targets }, ask)?.name;
    if (target === undefined) return { template: 'forecast', data: { target: null } };
    const [kept, census] = await Promise.all([keptForecasts(db, target, OFFERED), lastCensus(db, target)]);
    const [newest] = kept;
    const mayAct = mayDo(ask.who.role, 'operator');
    if (!newest) {
      const hasPlan = (await plannedTargets(db)).includes(target);
      const planHref = `${rolloutHref(target)}/plan`;
      const data = { target, mayAct, hasPlan, planHref, hasCensus: census !== undefined, chosen: null };
      return { template: 'forecast', data };
    }
    const wish = ask.query.get('snapshot');
    const chosen = kept.find(({ id }) => id === wish) ?? newest;
    const named = ask.query.get('phase') ?? '';
    const phase = chosen.forecast.phases.some(({ name }) => name === named) ? named : undefined;
    const nowMs = ask.now.getTime();
    const against = await forecastAgainst(db, target, { ...(phase ? { phase } : {}), limit: OFFERED, nowMs });
    const chart = againstChart({ kept: chosen, against, phase, now: ask.now });
    return {
      title: targets.all.length > 1 ? `Forecast for ${target}` : 'Forecast',
      template: 'forecast',
      data: {
        target,
        mayAct,
        hasCensus: true,
        kept: kept.map(({ id, at, actor }) => ({ id, at, actor })),
        chosen: { id: chosen.id, at: chosen.at, actor: chosen.actor },
        phase: phase ?? '',
        isEarlier: census !== undefined && census.at.getTime() > chosen.at.getTime(),
        summary: summaryOf(chosen.forecast),
        line: lineOf(chosen.forecast, phase),
        phases: chosen.forecast.phases.map((one) => ({
          ...one,
          ninety: one.milestones.find(({ share }) => share === 0.9) ?? null,
        })),
        off: against.foreseen.find(({ id }) => id === chosen.id)?.off ?? null,
        chart: chart ? chartView(chart) : null,
      },
    };
  },
});
