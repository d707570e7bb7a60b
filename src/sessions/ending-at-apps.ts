/** What the courier brings to a legacy app: one session is to end, or all that a person has there. */
import { isFootbridgeError } from '../errors.ts';
import type { Delivery, Send } from './ending/delivery.ts';
import { DeliveryError } from './ending/delivery.ts';
import type { LegacySessionDeps } from './legacy-sessions.ts';
import type { OpenedApp } from './opened-app.ts';
import { idsOf, noteAllOver, noteOver, openHandle } from './registry.ts';

export function endAt(apps: readonly OpenedApp[], deps: LegacySessionDeps): Send {
  return async (delivery, { signal }) => {
    const opened = apps.find(({ name }) => name === delivery.name);
    if (!opened) throw lost('There is no legacy app of this name any more.');
    try {
      await untilAborted(signal, () => endOne(opened, deps, { delivery, signal }));
    } catch (error) {
      throw deliveryError(error, signal);
    }
  };
}

/** An app without the ability has nothing to be told. */
async function endOne(
  { name, app, settings }: OpenedApp,
  { db, keyring, directory }: LegacySessionDeps,
  {
    delivery: { sub, handle: sealed },
    signal,
  }: { readonly delivery: Delivery; readonly signal: AbortSignal },
): Promise<void> {
  if (!settings.end) return;
  if (sealed === null) {
    const legacyId = directory.legacyIdOf(sub);
    if (legacyId === undefined) throw lost('This person belongs to no legacy store.');
    if (!app.endAllOf) return;
    await app.endAllOf({ sub, legacyId }, { signal });
    return noteAllOver(db, name, sub).catch(() => undefined);
  }
  if (!app.end) return;
  const handle = openHandle(keyring, name, sealed);
  if (handle === undefined) throw lost('The master key that this session was kept under is gone.');
  await app.end(handle, { signal });
  // It is over at the app, whatever becomes of this note.
  await noteOver(db, idsOf(keyring, name, handle), 'confirmed').catch(() => undefined);
}

/** An app keeps to the signal; one that did not would hold up the courier. */
function untilAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(new DeliveryError('timeout', 'The app did not answer in time.'));
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    work()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', stop));
  });
}

const lost = (sentence: string) => new DeliveryError('unknown_recipient', sentence, { isFinal: true });

function deliveryError(error: unknown, signal: AbortSignal): DeliveryError {
  if (error instanceof DeliveryError) return error;
  if (signal.aborted) return new DeliveryError('timeout', 'The app did not answer in time.');
  if (!isFootbridgeError(error, 'legacy_unavailable'))
    return new DeliveryError('refused', 'The app did not do it.');
  const { retryAfterSeconds } = error;
  return new DeliveryError('unreachable', 'The app does not answer.', { retryAfterSeconds });
}
