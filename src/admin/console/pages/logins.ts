import { countsBetween } from '../../../rollout/counts.ts';
import { chartView } from '../charts.ts';
import * as figures from '../login-figures.ts';
import { definePage } from '../page.ts';
import { targetOf } from '../which-target.ts';

/** More apps than a plan may name are a mistake of somebody's; the rest is counted together in the pictures. */
const MAX_APPS = 100;

export const loginsPage = definePage({
  path: 'logins',
  title: 'Logins',
  menu: { group: 'Now', order: 20 },
  async load(desk, ask) {
    const wish = ask.query.get('range') ?? 'day';
    const range = figures.isRange(wish) ? wish : 'day';
    const app = ask.query.get('app') ?? '';
    const span = figures.spanOf(range, ask.now);
    const named = ask.query.get('target');
    const target = named ? targetOf(desk, ask)?.name : undefined;
    const all = await countsBetween(desk.db, { ...span, target });
    const rows = app === '' ? all : all.filter((row) => row.app === app);
    const apps = figures.byApp(all);
    return {
      template: 'logins',
      data: {
        range,
        ranges: Object.entries(figures.RANGES).map(([name, { name: says }]) => ({ name, says })),
        app,
        isFirst: all.length === 0,
        apps: apps.slice(0, MAX_APPS),
        moreApps: Math.max(0, apps.length - MAX_APPS),
        summary: figures.summaryOf(rows),
        charts: [chartView(figures.outcomeChart(rows, span)), chartView(figures.pathChart(rows, span))],
        table: figures.table(rows),
      },
      refreshSeconds: 60,
    };
  },
});
