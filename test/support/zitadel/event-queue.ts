/** Events on their way to the targets of Actions: at once, or when told to, in whatever order. */
import type { Delivery } from './delivery.ts';
import type { Executions } from './executions.ts';
import type { Instance, StoredEvent } from './instance.ts';

/** What becomes of an event that is held: it is delivered, so often; it stays held; or nobody ever hears of it. */
export type Fate = 'once' | 'twice' | 'later' | 'lost';

export interface EventQueue {
  /** `held`: nothing leaves until `deliver` or `settle`. */
  mode: 'at-once' | 'held';
  readonly held: StoredEvent[];
  /** Sends what is held, in the order that `arrange` gives it, twice or not at all. */
  deliver(arrange?: (held: readonly StoredEvent[]) => readonly StoredEvent[]): Promise<readonly Delivery[]>;
  /** Sends what is held as each one's fate says; `shuffle` puts those that go now in another order. */
  settle(
    fateOf: (event: StoredEvent) => Fate,
    shuffle?: (events: readonly StoredEvent[]) => readonly StoredEvent[],
  ): Promise<readonly Delivery[]>;
  /** Those that a target did not take. */
  readonly refused: StoredEvent[];
  /** Sends them again, as ZITADEL does for some minutes, with a new signature. */
  redeliver(): Promise<readonly Delivery[]>;
  /** Resolves when everything sent at once has been answered. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

const TIMES: Readonly<Record<Fate, number>> = { once: 1, twice: 2, later: 0, lost: 0 };

export function openEventQueue(instance: Instance, executions: Executions): EventQueue {
  let last: Promise<unknown> = Promise.resolve();
  const send = async (event: StoredEvent) => {
    const deliveries = await executions.onEvent(event);
    if (deliveries.some(({ failure }) => failure)) queue.refused.push(event);
    return deliveries;
  };
  const sendAll = async (events: readonly StoredEvent[]) => {
    const deliveries: Delivery[] = [];
    for (const event of events) deliveries.push(...(await send(event)));
    return deliveries;
  };
  const queue: EventQueue = {
    mode: 'at-once',
    held: [],
    refused: [],
    deliver: async (arrange = (held) => held) => sendAll(arrange(queue.held.splice(0))),
    async settle(fateOf, shuffle = (events) => events) {
      const fates = queue.held.splice(0).map((event) => ({ event, fate: fateOf(event) }));
      queue.held.push(...fates.flatMap(({ event, fate }) => (fate === 'later' ? [event] : [])));
      return sendAll(
        shuffle(fates.flatMap(({ event, fate }) => Array<StoredEvent>(TIMES[fate]).fill(event))),
      );
    },
    redeliver: async () => sendAll(queue.refused.splice(0)),
    async settled() {
      // What one event sets off may be the next one.
      for (let seen: unknown; seen !== last; ) {
        seen = last;
        await last;
      }
    },
    async close() {
      instance.onEvent.clear();
      await queue.settled();
    },
  };
  instance.onEvent.add((event) => {
    if (queue.mode === 'held') queue.held.push(event);
    else last = last.then(() => send(event)).catch(() => undefined);
  });
  return queue;
}
