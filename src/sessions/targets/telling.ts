/** Ends sessions at a target through its API, for the courier. */
import { isFootbridgeError } from '../../errors.ts';
import { find } from '../../migration/ledger.ts';
import type { Delivery, Send } from '../ending/delivery.ts';
import { DeliveryError } from '../ending/delivery.ts';
import type { TargetSessionsDeps } from './target-people.ts';

/**
 * A target that refuses is asked again until the courier gives up: what is missing is mostly a right, and an operator can
 * give it.
 */
export const endAt =
  (deps: Pick<TargetSessionsDeps, 'db' | 'targets'>): Send =>
  async (delivery, { signal }) => {
    const work = toldTo(deps, delivery);
    // The connection has a limit of its own; whoever waits for us may have less time.
    work.catch(() => undefined);
    await Promise.race([work, aborted(signal)]);
  };

async function toldTo({ db, targets }: Pick<TargetSessionsDeps, 'db' | 'targets'>, delivery: Delivery) {
  const { name, sub, handle } = delivery;
  const connection = targets.connection(name);
  const isOn = targets.byName(name)?.sessions.end;
  const { endSession, endSessionsOf } = connection ?? {};
  const end = handle === null ? endSessionsOf : endSession;
  if (!connection || !isOn || !end) {
    throw new DeliveryError('unknown_recipient', `sessions at ${name} cannot be ended from here`, {
      isFinal: true,
    });
  }
  const id = handle ?? (await find(db, name, sub))?.targetUserId;
  if (id) await end(id).catch(failed);
}

function failed(error: unknown): never {
  if (!isFootbridgeError(error)) throw error;
  const { detail = error.message, retryAfterSeconds } = error;
  if (error.code === 'target_refused') throw new DeliveryError('refused', detail);
  if (error.code === 'target_unavailable')
    throw new DeliveryError('unreachable', detail, { retryAfterSeconds });
  throw error;
}

const aborted = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => {
    const timeout = () => reject(new DeliveryError('timeout', 'the target took too long'));
    if (signal.aborted) timeout();
    else signal.addEventListener('abort', timeout, { once: true });
  });
