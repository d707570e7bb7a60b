/** The page of one target’s rollout: at `rollout` where there is one or one was chosen, and at `rollout/:target`. */
import type { Target } from '../../targets/target.ts';
import type { Desk } from '../operation.ts';
import { mayDo } from '../perform.ts';
import type { PageAsk, PageView } from './page.ts';
import { doHref } from './page.ts';
import { deedsOf, STATE_BADGES, switchHref } from './phase-words.ts';
import type { Board, PhaseCard } from './rollout-board.ts';
import { boardOf } from './rollout-board.ts';

export const rolloutHref = (target: string): string => `/admin/rollout/${encodeURIComponent(target)}`;
export const phaseHref = (target: string, phase: string): string =>
  `${rolloutHref(target)}/phases/${encodeURIComponent(phase)}`;

export async function rolloutView(desk: Desk, ask: PageAsk, { name: target }: Target): Promise<PageView> {
  const board = await boardOf(desk.db, target, ask.now);
  const mayAct = mayDo(ask.who.role, 'operator');
  return {
    title: desk.targets.all.length > 1 ? `Rollout to ${target}` : 'Rollout',
    template: 'rollout',
    data: {
      target,
      planHref: `${rolloutHref(target)}/plan`,
      mayAct,
      board: board && { ...board, cards: board.cards.map((card) => shownCard(ask.who, board, card)) },
      next: board ? nextSteps(board) : [],
      switches: board?.switches.map((one) => ({ ...one, onHref: switchHref(target, one, 'on') })) ?? [],
      offHref: doHref('rollout switch', { target, everything: 'true', off: 'true' }),
    },
    refreshSeconds: 60,
  };
}

export const shownCard = (who: PageAsk['who'], { snapshot }: Pick<Board, 'snapshot'>, card: PhaseCard) => ({
  ...card,
  title: card.phase.title ?? card.phase.name,
  href: phaseHref(snapshot.target, card.phase.name),
  badge: STATE_BADGES[card.row.state],
  isOff: snapshot.switches.has(`phase:${card.phase.name}`),
  deeds: deedsOf({ who, target: snapshot.target, phase: card.phase, state: card.row.state }),
});

/** What comes by itself, or waits for somebody: of the phases that are not over. */
function nextSteps({ cards }: Board): { readonly phase: string; readonly says: string }[] {
  return cards.flatMap(({ phase: { name, finish, title }, row: { state }, start, verdicts }) => {
    const phase = title ?? name;
    if (state === 'planned' && start)
      return [{ phase, says: start.isDue ? 'It starts within a minute.' : start.waitsFor.join(' ') }];
    if (state === 'paused') return [{ phase, says: 'It stands still until an operator resumes it.' }];
    if (state !== 'running') return [];
    if (!finish) return [{ phase, says: 'It runs until an operator finishes it: it has no finish gate.' }];
    const left = verdicts.finish?.checks.filter(({ holds }) => !holds) ?? [];
    return [
      {
        phase,
        says:
          left.length === 0
            ? 'Its finish gate holds: it is finished at the next look, within some minutes.'
            : left.map(({ sentence }) => sentence).join(' '),
      },
    ];
  });
}
