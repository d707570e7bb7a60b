/** Events on their way to the targets of Actions: at once, or when told to, in whatever order. */
import type { Delivery } from './delivery.ts';
import type { Executions } from './executions.ts';
import type { Instance, StoredEvent } from './instance.ts';

export interface EventQueue {
  /** `held`: nothing leaves until `deliver`. */
  mode: 'at-once' | 'held';
  readonly held: StoredEvent[];
  /** Sends what is held, in the order that `arrange` gives it, twice or not at all. */
  deliver(arrange?: (held: readonly StoredEvent[]) => readonly StoredEvent[]): Promise<readonly Delivery[]>;
  /** Resolves when everything sent at once has been answered. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

export function openEventQueue(instance: Instance, executions: Executions): EventQueue {
  let last: Promise<unknown> = Promise.resolve();
  const queue: EventQueue = {
    mode: 'at-once',
    held: [],
    async deliver(arrange = (held) => held) {
      const deliveries: Delivery[] = [];
      for (const event of arrange(queue.held.splice(0)))
        deliveries.push(...(await executions.onEvent(event)));
      return deliveries;
    },
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
    else last = last.then(() => executions.onEvent(event)).catch(() => undefined);
  });
  return queue;
}
