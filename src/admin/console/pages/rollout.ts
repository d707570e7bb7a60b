import { phaseRows } from '../../../rollout/phases.ts';
import { definePage } from '../page.ts';
import { STATE_BADGES } from '../phase-words.ts';
import { rolloutHref, rolloutView } from '../rollout-view.ts';
import { standingOf } from '../standing.ts';
import { targetOf } from '../which-target.ts';

/** Where there is one target, or one was chosen, it is the page of that one. */
export const rolloutPage = definePage({
  path: 'rollout',
  title: 'Rollout',
  menu: { group: 'Move', order: 10 },
  async load(desk, ask) {
    const { all } = desk.targets;
    const chosen = all.length === 1 || ask.query.get('target') ? targetOf(desk, ask) : undefined;
    if (chosen) return rolloutView(desk, ask, chosen);
    const targets = await Promise.all(
      all.map(async ({ name }) => {
        const [standing, phases] = await Promise.all([standingOf(desk.db, name), phaseRows(desk.db, name)]);
        const badges = phases.map(({ phase, state }) => ({ phase, ...STATE_BADGES[state] }));
        return { name, href: rolloutHref(name), standing, phases: badges };
      }),
    );
    return { template: 'rollout-targets', data: { targets } };
  },
});
