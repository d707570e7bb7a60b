/** People log in all the while, and the node grows neither in memory, nor in open files, nor in our database. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../flows/server.ts';
import type { NodesStage } from '../../flows/sessions/nodes-stage.ts';
import { openNodes } from '../../flows/sessions/nodes-stage.ts';
import { tellFault } from '../../support/fault-row.ts';
import { MAX_TURNED_AWAY, OPENS_WITHIN_MS, openTraffic, patient } from './traffic.ts';

const isLong = Boolean(process.env.FOOTBRIDGE_LONG);
const PEOPLE = 40;
/** Of the bar: five logins a second, for twenty minutes in the long form. */
const PER_SECOND = 5;
const WARM_LOGINS = isLong ? 1_500 : 50;
const LOGINS = isLong ? 6_000 : 100;
const SAMPLE_MS = isLong ? 5_000 : 500;
/** A heap grows to what it is used to and no further: a leak of 4 KiB a login would be found in the long form. */
const MAX_MIB_PER_MINUTE = 1;
/** In the short form the heap is still finding its size. */
const MAX_GROWTH_MIB = 96;
/** Connections come and go; a leak of one per login would be hundreds. */
const SPARE_FILES = 12;
/** Sweeping is once a minute; a busy machine is slower. */
const SWEPT_WITHIN_MS = 180_000;
const TEST_MS = 3_600_000;

let stage: NodesStage;
beforeAll(async () => {
  stage = await openNodes({ clients: ['mail'], people: PEOPLE, nodes: 1, change: patient });
}, OPENS_WITHIN_MS);
afterAll(() => stage?.close());

const rows = async (where: string) =>
  Number((await stage.sql(`select count(*)::int as n from oidc_records where ${where}`))[0]?.n);

/** Linux only, as are the figures in docs. */
test.runIf(process.platform === 'linux')(
  'steady logins leave memory, files and tables as they were',
  async () => {
    const { pid } = stage.nodeAt(stage.balancer.nodes[0]!).process;
    const memory = () =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1_024;
    const files = () => readdirSync(`/proc/${pid}/fd`).length;
    const traffic = openTraffic({
      perSecond: PER_SECOND,
      logIn: (n) => stage.logIn(stage.people[n % PEOPLE]!, 'mail'),
    });
    await until(async () => traffic.done >= WARM_LOGINS, TEST_MS);

    // As if the time of all that is there had passed.
    await stage.sql(`update oidc_records set expires_at = now() - interval '2 minutes'`);
    const old = await rows(`expires_at < now()`);
    const samples: { readonly minute: number; readonly mib: number; readonly files: number }[] = [];
    const startedAt = performance.now();
    while (traffic.done < WARM_LOGINS + LOGINS) {
      samples.push({ minute: (performance.now() - startedAt) / 60_000, mib: memory(), files: files() });
      await wait(SAMPLE_MS);
    }
    await traffic.stop();
    const slope = slopeOf(samples.map(({ minute, mib }) => [minute, mib]));
    const third = Math.ceil(samples.length / 3);
    const growth = mean(samples.slice(-third)) - mean(samples.slice(0, third));
    if (isLong) expect(slope).toBeLessThan(MAX_MIB_PER_MINUTE);
    else expect(growth).toBeLessThan(MAX_GROWTH_MIB);
    const warmFiles = Math.max(...samples.slice(0, third).map((sample) => sample.files));
    const lastFiles = Math.max(...samples.slice(-third).map((sample) => sample.files));
    expect(lastFiles).toBeLessThanOrEqual(warmFiles + SPARE_FILES);
    expect(old).toBeGreaterThan(WARM_LOGINS);
    // Of what was given in the course of twenty minutes there is always something that has just expired.
    await until(async () => (await rows(`expires_at < now() - interval '2 minutes'`)) === 0, SWEPT_WITHIN_MS);
    const perLogin = (await rows('true')) / traffic.done;
    expect(traffic.failures).toEqual([]);
    expect(traffic.turnedAway).toBeLessThanOrEqual(MAX_TURNED_AWAY * traffic.done);
    tellFault({
      id: 'R29',
      fault: 'steady logins for long',
      load: `${traffic.done} logins, ${traffic.perSecond}/s, ${traffic.turnedAway} told to come back`,
      lost: traffic.failures.length,
      doubled: 0,
      unexplained5xx: traffic.unexplained5xx,
      recovery: `memory ${Math.round(mean(samples.slice(-third)))} MiB, ${isLong ? `${slope.toFixed(2)} MiB a minute` : `${growth.toFixed(0)} MiB more than at first`}; ${warmFiles} files at first, ${lastFiles} at last; ${old} expired rows swept, ${perLogin.toFixed(1)} live ones a login`,
    });
  },
  TEST_MS,
);

const mean = (some: readonly { readonly mib: number }[]) =>
  some.reduce((sum, { mib }) => sum + mib, 0) / some.length;

/** Of the line that fits best. */
function slopeOf(points: readonly (readonly [number, number])[]): number {
  const n = points.length;
  const [sx, sy] = points.reduce(([a, b], [x, y]) => [a + x, b + y], [0, 0]);
  const covariance = points.reduce((sum, [x, y]) => sum + (x - sx / n) * (y - sy / n), 0);
  return covariance / points.reduce((sum, [x]) => sum + (x - sx / n) ** 2, 0);
}
