/**
 * Logins at Footbridge beside plain oidc-provider with a typical adapter, in one interleaved run: what one operation costs the
 * server and PostgreSQL. `node bench/login/campaign.ts [rounds] [seconds] [profile.json…]`; each further profile is another
 * provider that runs already (see `Profile` in load.ts). Passwords have a nearly free hash: it is the rest that is compared.
 * `FOOTBRIDGE_BENCH_ONLY=code,sso` runs these only, `FOOTBRIDGE_BENCH_AT_ONCE=32` so many at once, and `FOOTBRIDGE_BENCH_NODES=2` has
 * as many nodes of Footbridge measured beside the one, with each request at another of them.
 * CPU time is the figure to trust; how long something takes depends on what else the machine does.
 */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Measured, Profile, Scenario } from './load.ts';
import { SCENARIOS } from './load.ts';
import { openPlace } from './place.ts';

const [rounds = '3', seconds = '3', ...others] = process.argv.slice(2);
const AT_ONCE = Number(process.env.FOOTBRIDGE_BENCH_AT_ONCE ?? 4);
const NODES = Number(process.env.FOOTBRIDGE_BENCH_NODES ?? 1);
const only = process.env.FOOTBRIDGE_BENCH_ONLY?.split(',');
const scenarios = SCENARIOS.filter((scenario) => !only || only.includes(scenario));

const place = await openPlace();
try {
  const profiles = [
    (await place.openPlain()).profile,
    (await place.openFootbridge()).profile,
    ...(NODES > 1 ? [(await place.openFootbridge(NODES)).profile] : []),
    ...others.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Profile),
  ];
  const results = new Map<string, Measured[]>();
  for (let round = 0; round < Number(rounds); round++)
    for (const scenario of scenarios)
      for (const profile of profiles) {
        const key = `${scenario} ${profile.name}`;
        results.set(key, [...(results.get(key) ?? []), await load(profile, scenario)]);
      }
  print(profiles, results);
} finally {
  await place.close();
}

/** In a process of its own: what it needs is not counted. */
async function load(profile: Profile, scenario: Scenario): Promise<Measured> {
  const file = join(place.data, `${profile.name}.json`);
  writeFileSync(file, JSON.stringify(profile), { mode: 0o600 });
  const child = spawn(
    process.execPath,
    [resolve(import.meta.dirname, 'load.ts'), file, scenario, String(AT_ONCE), seconds],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let out = '';
  for await (const chunk of child.stdout!) out += chunk;
  if (!out) throw new Error(`${profile.name} could not be measured: ${scenario}`);
  return JSON.parse(out);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function print(profiles: readonly Profile[], results: ReadonlyMap<string, readonly Measured[]>): void {
  console.log(
    `${AT_ONCE} at once, ${rounds} rounds of ${seconds} s; CPU of server and PostgreSQL per operation\n`,
  );
  console.log('| Operation | Provider | Server | PostgreSQL | Together | Ratio | p50 | p99 | Errors |');
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- |');
  for (const scenario of scenarios) {
    const all = (name: string) => results.get(`${scenario} ${name}`) ?? [];
    const of = (name: string, figure: (one: Measured) => number) => median(all(name).map(figure));
    const together = (one: Measured) => one.serverMs + one.databaseMs;
    const base = of('plain', together);
    for (const { name } of profiles) {
      const ms = (figure: (one: Measured) => number) => of(name, figure).toFixed(2);
      const ratio = (of(name, together) / base).toFixed(2);
      const errors = all(name).reduce((sum, one) => sum + one.errors, 0);
      const first = all(name).find(({ firstError }) => firstError)?.firstError;
      console.log(
        `| ${scenario} | ${name} | ${ms((m) => m.serverMs)} ms | ${ms((m) => m.databaseMs)} ms | ${ms(together)} ms | ${ratio} | ${ms((m) => m.p50)} ms | ${ms((m) => m.p99)} ms | ${errors}${first ? ` (${first})` : ''} |`,
      );
    }
  }
}
