/** A mover whose target takes everybody at once: moves in the real ledger, and calls nobody. */
import { find, move } from '../../src/migration/ledger.ts';
import type { MoveRequest, MoveResult, Mover } from '../../src/migration/moving/mover.ts';
import { requestPart } from '../../src/migration/moving/target-work.ts';
import type { Db } from '../../src/store/db.ts';

export interface LedgerMover extends Mover {
  readonly requests: MoveRequest[];
  /** What comes instead of a move, from now on. */
  instead: (() => Promise<MoveResult>) | undefined;
}

export function ledgerMover(db: Db, pseudonym: (sub: string) => Buffer): LedgerMover {
  const mover: LedgerMover = {
    requests: [],
    instead: undefined,
    requestParts: (request) => [requestPart(request)],
    resume: async () => 0,
    goOn: (request) =>
      mover.move({ target: request.target, sub: request.sub, road: request.road, actor: request.actor }),
    move: async (request) => {
      mover.requests.push(request);
      if (mover.instead) return mover.instead();
      const { target, sub, actor } = request;
      const targetUserId = `there-${sub}`;
      const common = { target, sub, actor, subject: pseudonym(sub) };
      const row = await find(db, target, sub);
      if (!row) return { kind: 'not-proved' };
      if (row.state === 'excluded')
        return { kind: 'refused', code: 'user_excluded', sentence: 'They are excluded.' };
      if (row.state === 'authenticated') {
        await move(db, { ...common, event: 'create', targetUserId });
        await move(db, { ...common, event: 'confirm' });
      }
      return { kind: 'moved', state: 'migrated', targetUserId, loginName: `${sub}@there`, missing: [] };
    },
  };
  return mover;
}
