import { targetPanels } from '../claims.ts';
import { definePage } from '../page.ts';
import { panelsPage } from '../panels.ts';

export const claimsPage = definePage({
  path: 'claims',
  title: 'Claim campaigns',
  menu: { group: 'People', order: 20 },
  async load(desk, { who, now, query }) {
    const lead = 'Links by which people show that two accounts are theirs, where no machine can match them.';
    const wanted = query.get('target');
    const shown = desk.claimTokens.filter(({ target }) => !wanted || target === wanted);
    if (shown.length === 0)
      return panelsPage({
        lead,
        panels: [
          {
            empty: {
              sentence:
                'The settings have no `claimTokens` for a target: nobody links an account by themselves. How to begin is written in:',
              command: 'docs/claim-tokens.md',
            },
          },
        ],
      });
    const panels = await Promise.all(shown.map((settings) => targetPanels(desk, settings, { who, now })));
    return panelsPage({ lead, panels: panels.flat() }, { refreshSeconds: 60 });
  },
});
