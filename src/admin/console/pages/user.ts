import { isFootbridgeError } from '../../../errors.ts';
import { mayLook, NOBODY, noteLook } from '../looking-up.ts';
import { offer } from '../offers.ts';
import { definePage } from '../page.ts';
import { panelsPage } from '../panels.ts';
import { gather } from '../person/gathering.ts';
import { nameOf, profilePanel } from '../person/profile.ts';
import { batchesPanel, sessionsPanel } from '../person/sessions.ts';
import { standingPanels } from '../person/standings.ts';
import { storyPanel } from '../person/story.ts';

export const userPage = definePage({
  path: 'users/:sub',
  title: 'One person',
  async load(desk, { params, query, who, now }) {
    const { sub = '' } = params;
    await mayLook(desk.db, who);
    const gathered = await gather(desk, sub).catch(async (error) => {
      if (isFootbridgeError(error, 'user_not_found')) await noteLook(desk, who, NOBODY);
      throw error;
    });
    await noteLook(desk, who, { sub, how: 'their story' });
    const [sessions, story] = await Promise.all([
      sessionsPanel(desk, sub, { who, now }),
      storyPanel(desk, gathered, { who, query }),
    ]);
    return panelsPage(
      {
        lead: 'Everything that is known of one person, on all sides. That you have looked is in the audit log.',
        panels: [
          profilePanel(gathered),
          ...standingPanels(gathered, { who, now }),
          ...batchesPanel(gathered, who),
          sessions,
          story,
          {
            title: 'Their data',
            links: [
              ...offer(who, { operation: 'user export', label: 'Export everything', input: { user: sub } }),
              ...offer(who, {
                operation: 'user erase',
                label: 'Erase everywhere',
                input: { user: sub },
                look: 'danger',
              }),
            ],
          },
        ],
      },
      { title: nameOf(gathered) },
    );
  },
});
