/** Verifies a crowd in a process of its own, telling of every page (where it may, how big its heap is), until it is killed. */
import { writeSync } from 'node:fs';
import { reconcile } from '../../../src/migration/reconcile/reconcile.ts';
import type { Phase } from '../../../src/migration/reconcile/reconciliations.ts';
import { crowdConnection } from './crowd.ts';
import type { Place } from './world.ts';
import { openWorld } from './world.ts';

export interface Errand {
  readonly place: Place;
  readonly size: number;
  /** After a page of this phase, with so many users of both sides or more, it kills itself. */
  readonly dieAt?: { readonly phase: Phase; readonly users: number };
}

const { place, size, dieAt } = JSON.parse(process.argv[2]!) as Errand;
const world = await openWorld(place);
const STDOUT = 1;
/** Looking at the heap takes longer than a page. */
const LOOK_EVERY = 10;
let pages = 0;
const report = await reconcile(
  { ...world.deps, connection: crowdConnection(world, size) },
  {
    actor: 'operator:test',
    onPage: ({ position: { phase, tally } }) => {
      pages += 1;
      const isLookedAt = globalThis.gc !== undefined && pages % LOOK_EVERY === 0;
      if (isLookedAt) globalThis.gc?.();
      const heapBytes = isLookedAt ? process.memoryUsage().heapUsed : 0;
      const users = tally.targetUsers + tally.people;
      writeSync(STDOUT, `${JSON.stringify({ phase, users, heapBytes })}\n`);
      if (phase === dieAt?.phase && users >= dieAt.users) process.kill(process.pid, 'SIGKILL');
    },
  },
);
writeSync(STDOUT, `${JSON.stringify({ report })}\n`);
await world.close();
