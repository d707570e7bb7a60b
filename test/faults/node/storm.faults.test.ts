/** Everybody logs in at once, with hashes that cost 64 MiB each, and some go away before it is their turn. */
import { availableParallelism } from 'node:os';
import { hash } from 'argon2';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { CALLBACK } from '../../provider/harness.ts';
import type { Answer } from '../../support/browser.ts';
import { Browser, field } from '../../support/browser.ts';
import { execute } from '../../support/database.ts';
import { tellFault } from '../../support/fault-row.ts';
import { call } from './caller.ts';
import { openClosing } from './closing.ts';
import { LIMIT_MS, LONG } from './form.ts';
import type { OwnPostgres } from './own-postgres.ts';
import { endBackends, openOwnPostgres } from './own-postgres.ts';
import type { Place } from './place.ts';
import {
  authorizationUrl,
  from,
  isIn,
  logIn,
  openPlace,
  PASSWORD,
  personOf,
  settled,
  untilSo,
  userinfo,
} from './place.ts';
import { crowd, seconds, Tally } from './tally.ts';

vi.setConfig({ testTimeout: LIMIT_MS, hookTimeout: LIMIT_MS });

const PEOPLE = LONG ? 2_000 : 200;
/** Pages that are opened at once before the storm. */
const OPENED_AT_ONCE = 20;
const MEMORY_MIB = 64;
const SLOTS = availableParallelism();
/** What its heap may grow by besides, while all of them ask at once. */
const GROWTH_MIB = LONG ? 400 : 200;
/** For what the bar wants within 100 or 200 ms: a machine that a dozen others use is slow by itself. */
const PROMPT_MS = 8_000;

const closing = openClosing();
let postgres: OwnPostgres;
let place: Place;
beforeAll(async () => {
  postgres = closing.keep(await openOwnPostgres(), ({ close }) => close());
  await postgres.ensureDatabase('footbridge');
  const text = await hash(PASSWORD, { memoryCost: MEMORY_MIB * 1024, timeCost: 3, parallelism: 4 });
  const opening = openPlace({
    // By name: whoever connects looks it up, on the threads that hashing uses, too.
    databaseUrl: postgres.url('footbridge').replace('127.0.0.1', 'localhost'),
    hash: { format: 'argon2', text },
    people: PEOPLE,
  });
  place = closing.keep(await opening, ({ close }) => close());
});
afterAll(closing.close);

interface Opened {
  readonly browser: Browser;
  readonly url: string;
  readonly form: Record<string, string>;
  readonly at: number;
}

/** A person at the login page, password typed. */
async function open(at: number): Promise<Opened> {
  const browser = new Browser();
  const page = await browser.follow(authorizationUrl(place), CALLBACK, { headers: from(at) });
  const { login: username, password } = personOf(at);
  const form = { username, password, form_token: field(page.body, 'form_token') ?? '' };
  return { browser, url: page.url.split('?')[0]!, form, at };
}

async function openAll(count: number): Promise<Opened[]> {
  const all: Opened[] = [];
  while (all.length < count) {
    const some = Array.from({ length: Math.min(OPENED_AT_ONCE, count - all.length) }, (_, i) =>
      open(all.length + i),
    );
    all.push(...(await Promise.all(some)));
  }
  return all;
}

const submit = ({ browser, url, form, at }: Opened): Promise<Answer> =>
  browser.visit(url, { form, headers: from(at) });

/** So many of all took no longer. */
const within = (share: number, times: readonly number[]) =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length * share)] ?? 0;

const nap = () => new Promise((resolve) => setTimeout(resolve, 300));

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

test('a storm of logins is taken as far as it can be in time, and the rest is told to come back; everything else stays prompt', async () => {
  const { token } = await settled(place);
  const opened = await openAll(PEOPLE);
  const [storm, others, connecting] = [new Tally(), new Tally(), new Tally()];
  const [refusedMs, takenMs, promptMs, connectMs]: number[][] = [[], [], [], []];
  const state = { over: false };
  const bystanders = crowd(1, async () => {
    for (const [what, ask] of [
      ['/jwks', () => new Browser().visit(`${place.issuer}/jwks`)],
      ['/healthz', () => new Browser().visit(`${place.inside}/healthz`)],
      ['/me', () => userinfo(place, token)],
    ] as const)
      promptMs!.push(await timed(() => others.ask(what, ask)));
  });
  // New connections to our database, by name and with its handshake, while all slots hash and everybody else was refused.
  const reconnecting = (async () => {
    while (!state.over && storm.count(503) < PEOPLE / 2) await nap();
    while (!state.over) {
      await endBackends(postgres.url('postgres'), 'footbridge', { idle: true });
      connectMs!.push(await timed(() => connecting.ask('/me', () => userinfo(place, token))));
      await nap();
    }
  })();
  const { now: calm } = place.node.memory();
  const startedAt = performance.now();
  const answers = await Promise.all(
    opened.map(async (one) => {
      const answer = await storm.ask('a login', () => submit(one));
      (answer?.status === 503 ? refusedMs! : takenMs!).push(performance.now() - startedAt);
      return answer;
    }),
  );
  const { peak } = place.node.memory();
  state.over = true;
  await Promise.all([bystanders.stop(), reconnecting]);
  const again = opened.find((_, at) => answers[at]?.status === 503)!;
  const backMs = await untilSo(async () => (await submit(again)).status === 303, 60_000);

  expect([...storm.unexplained, ...others.unexplained]).toEqual([]);
  expect([...storm.unanswered, ...others.unanswered]).toEqual([]);
  expect(storm.count(303)).toBeGreaterThan(0);
  expect(storm.count(503)).toBeGreaterThan(0);
  expect(storm.count(303) + storm.count(503)).toBe(PEOPLE);
  // One that was asked at the very moment its connection was ended is told so.
  for (const tally of [others, connecting])
    expect(tally.total - tally.count(200)).toBeLessThanOrEqual(connecting.total);
  expect(within(0.5, promptMs!)).toBeLessThan(PROMPT_MS);
  expect(Math.max(...connectMs!)).toBeLessThan(PROMPT_MS);
  expect(peak).toBeLessThan(calm + SLOTS * MEMORY_MIB + GROWTH_MIB);
  expect(await execute(postgres.url('footbridge'), 'select * from login_attempts')).toEqual([]);
  tellFault({
    id: 'R7',
    fault: `${PEOPLE} logins at once, Argon2id with ${MEMORY_MIB} MiB each`,
    load: `${storm}; refused after ${seconds(within(0.99, refusedMs!))}, taken within ${seconds(within(0.99, takenMs!))}; keys, health and userinfo meanwhile: ${others}, half within ${seconds(within(0.5, promptMs!))}, 99 % within ${seconds(within(0.99, promptMs!))}; ${Math.round(calm)} MiB of memory before, ${Math.round(peak)} at most, with ${SLOTS} slots`,
    lost: 0,
    doubled: 0,
    unexplained5xx: storm.unexplained.length + others.unexplained.length,
    recovery: `a refused login after ${seconds(backMs)}`,
  });
  tellFault({
    id: 'R9',
    fault: 'new connections to our database during that storm',
    load: `all idle ones ended ${connectMs!.length} times`,
    lost: 0,
    doubled: 0,
    unexplained5xx: others.unexplained.length,
    recovery: `userinfo with a connection by name within ${seconds(Math.max(...connectMs!))}`,
  });
});

/** How many hashes run and wait there. */
async function hashing(): Promise<{ running: number; queued: number }> {
  const { body } = await new Browser().visit(`${place.inside}/metrics`);
  const of = (state: string) =>
    Number(new RegExp(`footbridge_password_hashing\\{state="${state}"\\} (\\d+)`).exec(body)?.[1]);
  return { running: of('running'), queued: of('queued') };
}

test('whoever goes away while they wait gives up their place, and a hash that has begun keeps its slot', async () => {
  const opened = await openAll(8 + SLOTS);
  const callers = opened.map(({ browser, url, form, at }) => {
    const { pathname } = new URL(url);
    const body = new URLSearchParams(form).toString();
    const cookie = browser.cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
    const { socket, ended } = call(place.port);
    socket.write(
      `POST ${pathname} HTTP/1.1\r\nHost: 127.0.0.1:${place.port}\r\nCookie: ${cookie}\r\n` +
        `X-Forwarded-For: ${from(at)['x-forwarded-for']}\r\n` +
        `Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    return { socket, ended };
  });
  await expect
    .poll(async () => (await hashing()).queued, { interval: 5, timeout: 20_000 })
    .toBeGreaterThan(1);
  for (const { socket } of callers) socket.resetAndDestroy();
  const startedAt = performance.now();
  // Long before so many could have been hashed: those that wait are gone, those that run are not.
  await expect.poll(hashing, { interval: 5, timeout: 20_000 }).toMatchObject({ queued: 0 });
  const emptyMs = performance.now() - startedAt;
  await expect.poll(hashing, { timeout: 20_000 }).toEqual({ running: 0, queued: 0 });
  expect(isIn(await logIn(place, new Browser(), 1))).toBe(true);
  tellFault({
    id: 'R8',
    fault: 'everybody who has sent a password goes away',
    load: `${callers.length} logins at once, ${SLOTS} of them being hashed`,
    lost: 0,
    doubled: 0,
    unexplained5xx: 0,
    recovery: `nobody waits any more after ${seconds(emptyMs)}`,
  });
});
