import { definePage } from '../page.ts';
import { rolloutView } from '../rollout-view.ts';
import { targetOf } from '../which-target.ts';

export const rolloutTargetPage = definePage({
  path: 'rollout/:target',
  title: 'Rollout',
  load: (desk, ask) => rolloutView(desk, ask, targetOf(desk, ask)!),
});
