/** A process that runs a campaign until somebody kills it. Its line on stdout is the report, if it gets so far. */
import { fakeClock } from '../../mail/fake-clock.ts';
import type { WorldOptions } from './world.ts';
import { openWorld } from './world.ts';

export interface Errand extends WorldOptions {
  readonly people: number;
  readonly startMs: number;
}

const { people, startMs, ...options }: Errand = JSON.parse(process.argv[2] ?? '{}');
const world = openWorld(options);
await world.people(people);
const report = await world.run({}, fakeClock(startMs));
process.stdout.write(`${JSON.stringify(report)}\n`);
await world.close();
