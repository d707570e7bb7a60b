/** Tells the figures of the rollout how logins and moves went: gates and the console read them. */
import type { Ground } from './ground.ts';
import type { MoverDeps } from './migration/moving/moving.ts';
import type { CountOutcome, CountPath } from './rollout/counts.ts';

type Moved = Parameters<NonNullable<MoverDeps['onMove']>>[0];

/** Batches and operators are told of elsewhere: nobody waits for them at a login. */
const PATH_OF: Readonly<Record<Moved['road'], CountPath | undefined>> = {
  login: 'facade',
  fetch: 'brokered',
  event: 'brokered',
  typed: 'typed',
  ensure: 'ensure',
  batch: undefined,
  operator: undefined,
};
const OUTCOME_OF: Readonly<Record<Moved['result'], CountOutcome>> = {
  created: 'move-later',
  migrated: 'moved',
  refused: 'move-failed',
  later: 'move-later',
  'not-proved': 'refused',
};
/** What a login page ended with, where nobody came in here. Who came in is counted when the browser goes back to the app. */
const PROOF_AS: Readonly<Record<string, { readonly path?: CountPath; readonly outcome: CountOutcome }>> = {
  wrong: { outcome: 'wrong' },
  locked: { outcome: 'refused' },
  throttled: { outcome: 'refused' },
  outage: { outcome: 'outage' },
  moved: { path: 'redirected', outcome: 'ok' },
};

export type Counting = ReturnType<typeof openCounting>;

export function openCounting({
  rollout,
  counts,
  log,
  targets,
}: Pick<Ground, 'rollout' | 'counts' | 'log' | 'targets'>) {
  return {
    /** Somebody was let in. */
    login: counts.count,
    /** What a login page ended with. */
    proof(
      kind: string,
      { clientId: app, target }: { readonly clientId: string; readonly target?: string | undefined },
    ) {
      const ended = PROOF_AS[kind];
      const path = targets.byClient(app) ? 'brokered' : 'facade';
      if (ended) counts.count({ target, app, path, ...ended });
    },
    /** In their phase, which is looked up: nobody waits for it. */
    move({ target, sub, road, result }: Moved): void {
      const path = PATH_OF[road];
      if (!path) return;
      const outcome = OUTCOME_OF[result];
      void rollout
        .phaseOf(target, sub)
        .then((phase) => counts.count({ target, phase, path, outcome }))
        .catch((error) => log.debug({ error }, 'a move was not counted'));
    },
  };
}
