/**
 * Whatever people do and whatever breaks meanwhile, in an order drawn from a seed: everybody is one person with one account,
 * and nothing serves twice. What is done and what breaks is drawn; who of those at once is hit by it is chance.
 */
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Person } from '../../../example/demo/people.ts';
import type { PhaseState } from '../../../src/rollout/deciding.ts';
import { turnPhase } from '../../../src/rollout/phases.ts';
import { inParallel } from '../../../src/targets/in-parallel.ts';
import { seeded } from '../../flows/batch/batch-world.ts';
import { subOf } from '../../flows/batch/town.ts';
import type { RolloutTown } from '../../flows/rollout/rollout-town.ts';
import { openRolloutTown } from '../../flows/rollout/rollout-town.ts';
import { until } from '../../flows/server.ts';
import type { Answer } from '../../support/browser.ts';
import { tellFault } from '../../support/fault-row.ts';
import type { FaultyWay, Mishap } from './faulty-way.ts';
import { openFaultyWay } from './faulty-way.ts';
import type { Client } from './walking.ts';
import { arrive, CLIENTS, codeIn, placeOf, redeem, subIn } from './walking.ts';

const [FLOWS, PEOPLE] = process.env.FOOTBRIDGE_LONG ? [5_000, 300] : [150, 30];
const SEED = Number(process.env.FOOTBRIDGE_SEED ?? 20_261_130);
const AT_ONCE = 4;
const SETTLED_MS = 120_000;

let town: RolloutTown;
let way: FaultyWay;
beforeAll(async () => {
  let kratosUrl = '';
  way = await openFaultyWay(() => kratosUrl);
  town = await openRolloutTown({
    change: ({ provider, targets: [target] }) => {
      kratosUrl = target.api.url;
      Object.assign(target.api, { url: way.url, timeoutMs: 2_000 });
      // All of them come from one network, and nobody guesses here.
      Object.assign(provider.login, {
        networkLookups: 100_000,
        networkFailures: 100_000,
        accountFailures: 100,
      });
    },
  });
});
afterAll(async () => {
  await town?.close();
  await way?.close();
});

const turn = (to: PhaseState) =>
  turnPhase(town.db, {
    ...{ target: 'kratos', phase: 'most', to, cause: 'operator', actor: 'test', nowMs: Date.now() },
  });

/** What people do, as often as it stands here. */
const DOINGS = [
  ...Array<'logs in'>(6).fill('logs in'),
  ...(['mistypes', 'leaves', 'presses twice', 'has two browsers', 'redeems twice', 'redeems again'] as const),
] as const;
/** What breaks or is changed while they are at it; mostly nothing. */
const EVENTS = [
  ...Array<'nothing'>(24).fill('nothing'),
  ...Array<'run'>(4).fill('run'),
  ...(['pause', 'roll back', 'time passes', 'connections end', 'tables locked', 'store away'] as const),
] as const;
const MISHAPS: readonly Mishap[] = [
  ...(['cut-before', 'cut-after', 'cut-body'] as const),
  { status: 500 },
  { status: 503 },
  { status: 429, retryAfter: '1' },
  { pauseMs: 300 },
];
const MISHAP_SHARE = 0.2;

interface Flow {
  readonly person: Person;
  readonly client: Client;
  readonly doing: (typeof DOINGS)[number];
  readonly event: (typeof EVENTS)[number];
}

/** What all of them saw. */
const seen = {
  places: new Map<string, number>(),
  unexplained: [] as string[],
  subs: new Map<Person, Set<string>>(),
  /** Times that a code was good for tokens. */
  codes: new Map<string, number>(),
};

function note(what: string, answer: Answer): Answer {
  const { status, headers } = answer;
  if (status >= 500 && !(status === 503 && headers['retry-after']))
    seen.unexplained.push(`${what}: ${status} ${answer.body.slice(0, 200)}`);
  return answer;
}

async function flow({ person, client, doing, event }: Flow): Promise<void> {
  const mend = await BREAKS[event]();
  const page = await arrive(town, client);
  note('/auth', page.page);
  if (doing === 'mistypes') note('a wrong password', await page.type({ ...person, password: 'wrong' }));
  const others =
    doing === 'presses twice' ? [page] : doing === 'has two browsers' ? [await arrive(town, client)] : [];
  const ends = doing === 'leaves' ? [] : await Promise.all([page, ...others].map((one) => one.type(person)));
  for (const end of ends) {
    note('a login', end);
    const place = placeOf(end);
    seen.places.set(place, (seen.places.get(place) ?? 0) + 1);
    const code = codeIn(end.location);
    if (code) await makeGood({ person, client, doing }, code);
  }
  await mend?.();
}

async function makeGood({ person, client, doing }: Omit<Flow, 'event'>, code: string): Promise<void> {
  const times = doing === 'redeems twice' ? 5 : 1;
  const answers = await Promise.all(Array.from({ length: times }, () => redeem(town, client, code)));
  if (doing === 'redeems again') answers.push(await redeem(town, client, code));
  for (const answer of answers) {
    note('/token', answer);
    if (answer.status !== 200) continue;
    seen.codes.set(code, (seen.codes.get(code) ?? 0) + 1);
    seen.subs.set(person, (seen.subs.get(person) ?? new Set()).add(subIn(answer)));
  }
}

/** What it takes to mend what was broken; undefined: nothing. */
type Mend = (() => Promise<unknown>) | undefined;
/** Turning to where it is already is refused. */
const turned = async (to: PhaseState): Promise<Mend> => {
  await turn(to).catch(() => undefined);
  return undefined;
};
const asked = async (text: string): Promise<Mend> => {
  await town.sql(text);
  return undefined;
};
/** For moves that wait for another try. */
const AN_HOUR_LATER = `update target_work set due_at = due_at - interval '1 hour' where due_at > now() and due_at < 'infinity'`;
const BREAKS: Readonly<Record<Flow['event'], () => Promise<Mend>>> = {
  nothing: async () => undefined,
  pause: () => turned('paused'),
  run: () => turned('running'),
  'roll back': () => turned('rolled-back'),
  'time passes': () => asked(AN_HOUR_LATER),
  'connections end': () =>
    asked(`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'footbridge'`),
  'tables locked': async () => {
    const locked = await town.lock(['ledger']);
    return () => locked.release();
  },
  'store away': async () => {
    await town.shop.switchTo(false);
    return () => town.shop.switchTo(true);
  },
};

function draw(): readonly Flow[] {
  const random = seeded(SEED);
  const pick = <T>(some: readonly T[]): T => some[Math.floor(random() * some.length)]!;
  way.goesWrong(() => (random() < MISHAP_SHARE ? pick(MISHAPS) : undefined));
  return Array.from({ length: FLOWS }, () => ({
    ...{ person: pick(town.people), client: pick(CLIENTS), doing: pick(DOINGS), event: pick(EVENTS) },
  }));
}

/** Whoever is told that we are busy comes back. */
async function patiently(client: Client, person: Person): Promise<string> {
  for (;;) {
    const place = placeOf(await (await arrive(town, client)).type(person));
    if (!/^503|temporarily_unavailable/.test(place)) return place;
    await setTimeout(500);
  }
}

const identities = () => [...town.kratos.identities.byId.values()];
const linksOf = ({ credentials }: ReturnType<typeof identities>[number]) =>
  credentials.oidc?.identifiers ?? [];
/** Nobody is said to be at the target who is not, and nobody has two accounts there. */
async function wellKept(): Promise<void> {
  const rows = await town.sql(
    `select sub, target_user_id as id from ledger where state in ('created', 'migrated', 'cut-over')`,
  );
  const byId = new Map(identities().map((one) => [one.id, linksOf(one)]));
  for (const { sub, id } of rows) expect([sub, byId.get(String(id))]).toEqual([sub, [`footbridge:${sub}`]]);
  const links = identities().flatMap(linksOf);
  expect(new Set(links).size).toBe(links.length);
}

test(`${FLOWS} logins while all sorts of things break leave one account and one subject to each person (FOOTBRIDGE_SEED=${SEED})`, async () => {
  await town.settle(Array.from({ length: PEOPLE }, () => ({})));
  const apps = { shop: { clients: ['shop-web'] }, wiki: { clients: ['wiki-web'] } };
  const segments = { most: { percentage: 80 } };
  await town.plan({ apps, segments, phases: [{ name: 'most', segments: ['most'] }] });
  await turn('running');
  await inParallel(draw(), AT_ONCE, flow);
  expect(seen.unexplained).toEqual([]);
  await wellKept();

  way.goesWrong(() => undefined);
  const healedMs = performance.now();
  await turned('running');
  await until(async () => {
    await town.sql(AN_HOUR_LATER);
    return (await town.openWork()).length === 0;
  }, SETTLED_MS);
  // Now everybody gets to where they belong.
  const last = await inParallel(
    town.people,
    AT_ONCE,
    async (person) => [person, await patiently(CLIENTS[0]!, person)] as const,
  );
  const seconds = (performance.now() - healedMs) / 1_000;
  expect(last.filter(([, place]) => place !== 'new' && place !== 'old')).toEqual([]);
  await wellKept();
  const moved = await town.sql(`select sub, target_user_id as id from ledger where state = 'migrated'`);
  expect(
    identities()
      .map(({ id }) => id)
      .sort(),
  ).toEqual(moved.map(({ id }) => String(id)).sort());
  const flagged = await town.shop.sql(`select 'shop:' || id as sub from customers where moved = 1`);
  expect(flagged.map(({ sub }) => sub).sort()).toEqual(moved.map(({ sub }) => sub).sort());
  for (const [person, place] of last) if (place === 'new') expect(town.accounts(person)).toBe(1);
  for (const [person, subs] of seen.subs) expect([...subs]).toEqual([subOf(person)]);
  expect([...seen.codes].filter(([, times]) => times > 1)).toEqual([]);
  const places = [...seen.places].sort().map(([place, count]) => `${count} ${place}`);
  tellFault({
    ...{ id: 'R30', lost: 0, doubled: 0, unexplained5xx: seen.unexplained.length },
    fault:
      'random logins with random faults: of the target, the old store, our database, the browser and the operator',
    load: `${FLOWS} flows of ${PEOPLE} people, ${AT_ONCE} at once, ${way.mishaps()} of ${way.calls.length} calls to the target broken; ended: ${places.join(', ')}`,
    recovery: `one subject and one account each, no code good twice; everybody where they belong ${seconds.toFixed(1)} s after it was over`,
  });
}, 3_600_000);
