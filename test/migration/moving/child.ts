/**
 * A process that moves somebody and dies at a step, with -9, as nobody can prepare for. Started by moving-stage.ts with
 * what it is to do as JSON; without a step to die at, its line on stdout is the result.
 */
import type { MoveRequest } from '../../../src/migration/moving/mover.ts';
import type { Step } from '../../../src/migration/moving/try.ts';
import type { Place } from './place.ts';
import { openPlace } from './place.ts';

export interface Errand {
  readonly place: Place;
  /** Absent: goes on with what was left. */
  readonly request?: MoveRequest;
  readonly dieAfter?: Step;
}

const { place, request, dieAfter }: Errand = JSON.parse(process.argv[2] ?? '{}');
const world = openPlace(place, {
  afterStep: async (step) => {
    if (step !== dieAfter) return;
    process.kill(process.pid, 'SIGKILL');
    await new Promise(() => undefined);
  },
});
const result = request ? await world.mover.move(request) : await world.mover.resume();
process.stdout.write(`${JSON.stringify(result)}\n`);
await world.close();
