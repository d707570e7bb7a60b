/**
 * What every engine of the queue keeps. An engine's test opens a place (its server, with nothing in it) and nodes at it;
 * everything is asked for through the nodes. Where the interface leaves something open, this suite says it:
 * - somebody who waits for another try, or is a dead letter, is due at once when something new is heard of them, with all
 *   that was heard before;
 * - a dead letter that is driven again, or of whom something new is heard, has no failed tries any more;
 * - what is heard while somebody is at a person makes another turn at once, however this one ends;
 * - a node that closes or dies loses its turns after their lease at the latest.
 */
import { afterEach, beforeEach, describe } from 'vitest';
import { nodesContract } from './nodes-contract.ts';
import { puttingContract } from './putting-contract.ts';
import type { QueuePlace, Scene } from './queue-place.ts';
import { tryingContract } from './trying-contract.ts';

export function changeQueueContract(name: string, openPlace: () => Promise<QueuePlace>): void {
  describe(name, () => {
    let here: Scene;
    beforeEach(async () => {
      const place = await openPlace();
      here = { place, queue: await place.open() };
    });
    afterEach(() => here.place.close());
    puttingContract(() => here);
    tryingContract(() => here);
    nodesContract(() => here);
  });
}
