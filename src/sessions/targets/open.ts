/** Sessions at targets beside ours: what the targets tell of them, what they are asked, and how theirs end with ours. */
import type { SessionCall } from '../../migration/hooks/at-login.ts';
import type { Target } from '../../targets/target.ts';
import type { Send } from '../ending/delivery.ts';
import { noteTargetSessionEnded } from '../target-sessions.ts';
import { adopted, started } from './beginning.ts';
import { ended, personChanged } from './following.ts';
import { poll } from './polling.ts';
import type { TargetSessionsDeps } from './target-people.ts';
import { endAt } from './telling.ts';

export type { TargetSessionsDeps } from './target-people.ts';

export interface TargetSessions {
  /**
   * What a call of a target's means for sessions. Late, doubled or in another order it changes nothing twice. Throws
   * storage_unavailable, target_unavailable, target_refused: then the target is to say it again.
   */
  heard(target: Target, call: SessionCall): Promise<void>;
  /** One round of asking targets what they may have forgotten to tell; call it regularly. Safe on several nodes. */
  poll(): Promise<void>;
  /** Ends one at its target, or all of a person's there. For the courier. */
  readonly end: Send;
}

export function openTargetSessions(deps: TargetSessionsDeps): TargetSessions {
  return {
    heard: (target, call) => heard(deps, target, call),
    poll: () => poll(deps),
    end: endAt(deps),
  };
}

async function heard(deps: TargetSessionsDeps, target: Target, call: SessionCall): Promise<void> {
  const { follow, end } = target.sessions;
  if (call.kind === 'session-started') return follow || end ? started(deps, target, call) : undefined;
  if (call.kind === 'linked') return follow || end ? adopted(deps, target, call.targetUserId) : undefined;
  if (!follow) {
    // It is not ours to follow, and not ours to end any more either.
    const { targetSessionId: id } = call.kind === 'session-ended' ? call : {};
    if (id !== undefined) await noteTargetSessionEnded(deps.db, { target: target.name, id });
    return;
  }
  return call.kind === 'session-ended' ? ended(deps, target, call) : personChanged(deps, target, call);
}
