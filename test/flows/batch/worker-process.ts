/**
 * A node that works on a batch and is killed. Its arguments are one JSON; it says `ready` and begins when told `go` on its
 * standard input, so that a test does not wait for it to load. Each step of a chunk is a line on its standard output.
 */
import { openBatchPlace } from './batch-place.ts';

const { place, batch, dieAfter } = JSON.parse(process.argv[2] ?? '{}');
const world = openBatchPlace(place, {
  afterStep: async (step) => {
    process.stdout.write(`${step}\n`);
    if (step !== dieAfter) return;
    process.kill(process.pid, 'SIGKILL');
    await new Promise(() => undefined);
  },
});
process.stdout.write('ready\n');
process.stdin.once('data', async () => {
  const { state } = await world.engine.run(batch, { signal: new AbortController().signal });
  process.stdout.write(`end ${state}\n`);
  await world.close();
  process.exit(world.errors.length > 0 ? 1 : 0);
});
