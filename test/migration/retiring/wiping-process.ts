/** Wipes, and dies by SIGKILL the so-manieth time that it has come to a step. Its argument is one JSON. */
import { wipeAll } from '../../../src/migration/retiring/wiping.ts';
import { openStage } from './retiring-stage.ts';

const { place, dieAfter, times } = JSON.parse(process.argv[2] ?? '{}');
let seen = 0;
const stage = openStage(place, async (step) => {
  if (step !== dieAfter) return;
  seen += 1;
  if (seen < times) return;
  process.kill(process.pid, 'SIGKILL');
  await new Promise(() => undefined);
});
await wipeAll(stage.deps);
await stage.close();
