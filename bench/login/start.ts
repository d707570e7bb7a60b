/**
 * What a start takes and what an idle server holds, Footbridge beside plain oidc-provider: `node bench/login/start.ts [rounds] [idle seconds]`.
 * The database is prepared and was used before; ready is when the log says so and discovery and keys have answered.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as after } from 'node:timers/promises';
import type { Running } from './place.ts';
import { end, openPlace } from './place.ts';

/** Behind a start what only it needed is given back, the legacy store is asked for the first time, and V8 collects once more. */
const SETTLES_MS = 12_000;
const [rounds = '3', idle = '10'] = process.argv.slice(2);

interface Started {
  readonly readyMs: number;
  readonly cpuMs: number;
  readonly residentMb: number;
  readonly ownMb: number;
  /** Milliseconds of CPU in a second of doing nothing. */
  readonly idleMs: number;
}

const place = await openPlace();
const results = new Map<string, Started[]>();
try {
  for (const open of [place.openPlain, place.openFootbridge]) await end((await open()).child);
  for (let round = 0; round < Number(rounds); round++)
    for (const open of [place.openPlain, place.openFootbridge]) {
      const { name, figures } = await start(open);
      results.set(name, [...(results.get(name) ?? []), figures]);
    }
} finally {
  await place.close();
}
print();

async function start(open: () => Promise<Running>): Promise<{ name: string; figures: Started }> {
  const begun = performance.now();
  const { child, profile } = await open();
  for (const path of ['/.well-known/openid-configuration', '/jwks']) await fetch(`${profile.issuer}${path}`);
  const [readyMs, cpuMs] = [performance.now() - begun, usedMs(child.pid!)];
  await after(SETTLES_MS);
  const settledMs = usedMs(child.pid!);
  await after(Number(idle) * 1000);
  const idleMs = (usedMs(child.pid!) - settledMs) / Number(idle);
  const [residentMb, ownMb] = [megabytes(child.pid!, 'Rss'), megabytes(child.pid!, 'Pss')];
  await end(child);
  return { name: profile.name, figures: { readyMs, cpuMs, residentMb, ownMb, idleMs } };
}

/** User and system time of a process, in milliseconds; a tick is 10. */
function usedMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function megabytes(pid: number, what: 'Rss' | 'Pss'): number {
  const line = new RegExp(`^${what}:\\s+(\\d+) kB`, 'm').exec(
    readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'),
  );
  return Number(line?.[1] ?? 0) / 1024;
}

function print(): void {
  console.log(`${rounds} starts each; medians\n`);
  console.log('| Provider | Ready | CPU until ready | Resident | Proportional | CPU while idle |');
  console.log('| --- | --- | --- | --- | --- | --- |');
  for (const [name, all] of results) {
    const median = (of: (one: Started) => number) =>
      all.map(of).toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? 0;
    const whole = (of: (one: Started) => number) => median(of).toFixed(0);
    console.log(
      `| ${name} | ${whole((s) => s.readyMs)} ms | ${whole((s) => s.cpuMs)} ms | ${whole((s) => s.residentMb)} MB | ${whole((s) => s.ownMb)} MB | ${median((s) => s.idleMs).toFixed(1)} ms/s |`,
    );
  }
}
