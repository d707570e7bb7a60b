/** One of two nodes has a wrong clock, and it steps while people log in. Our database's clock is right. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nowSeconds } from '../../../src/clock.ts';
import { SIGNATURE_HEADER, signBody, TOLERANCE_SECONDS } from '../../../src/migration/signature.ts';
import { Secret } from '../../../src/settings.ts';
import type { Server } from '../../flows/server.ts';
import { startServer, until } from '../../flows/server.ts';
import type { NodesStage } from '../../flows/sessions/nodes-stage.ts';
import { openNodes } from '../../flows/sessions/nodes-stage.ts';
import type { Settings } from '../../flows/zitadel/settings.ts';
import type { Answer } from '../../support/browser.ts';
import { Browser, field } from '../../support/browser.ts';
import { tellFault } from '../../support/fault-row.ts';
import { OPENS_WITHIN_MS, patient } from './traffic.ts';

const MINUTES_MS = 60_000;
/** Below the seconds that two machines' clocks may differ. */
const TOLERATED_MS = 10_000;
const WRONG_MS = 5 * MINUTES_MS;
const VERIFIER = 'v'.repeat(64);
const HOOK_KEY = new Secret('the-old-shop-and-footbridge-know-this');
const CLIENT = 'mail';

let stage: NodesStage;
let right: Server;
let wrong: Server;
let clock: string;
beforeAll(async () => {
  stage = await openNodes({
    ...{ clients: [CLIENT], people: 4, nodes: 1 },
    change: (settings) => {
      patient(settings);
      settings.legacySessions = [
        {
          ...{ kind: 'http-hook', name: 'old-shop', endUrl: 'http://127.0.0.1:9/end' },
          keys: [{ id: 'one', key: HOOK_KEY.reveal() }],
        },
      ];
    },
  });
  right = stage.nodeAt(stage.balancer.nodes[0]!);
  const data = dirname(stage.configFile);
  clock = join(data, 'clock');
  writeFileSync(clock, '0');
  const loaded = pathToFileURL(resolve(import.meta.dirname, 'wrong-clock.ts'));
  loaded.searchParams.set('file', clock);
  const change = (settings: Settings) => {
    settings.provider.issuer = stage.issuer;
  };
  const program = { execArgv: ['--import', loaded.href] };
  wrong = await startServer({ configFile: stage.configFile, data }, change, program);
}, OPENS_WITHIN_MS);
afterAll(async () => {
  wrong?.process.kill('SIGKILL');
  await wrong?.exited;
  await stage?.close();
});

let steps = 0;
/** From now on the wrong node's clock is wrong by this. */
async function step(byMs: number): Promise<void> {
  writeFileSync(clock, String(byMs));
  wrong.process.kill('SIGUSR2');
  steps += 1;
  await until(async () => wrong.output().split('the clock is wrong by').length - 1 === steps);
}
const at = ({ port }: Server) => {
  stage.balancer.nodes = [port];
};

const callback = () => `${stage.client(CLIENT).origin}/callback`;
function authorization(more: Record<string, string> = {}): string {
  const query = new URLSearchParams({
    ...{ client_id: CLIENT, redirect_uri: callback(), response_type: 'code', scope: 'openid' },
    code_challenge: createHash('sha256').update(VERIFIER).digest('base64url'),
    ...{ code_challenge_method: 'S256', ...more },
  });
  return `${stage.issuer}/auth?${query}`;
}

/** Everything that was answered: none of it may be an error of ours, whatever the clock says. */
const answers: Answer[] = [];
const noted = async (asked: Promise<Answer>) => {
  const answer = await asked;
  answers.push(answer);
  return answer;
};
const unexplained = () =>
  answers
    .filter(({ status, headers }) => status >= 500 && headers['retry-after'] === undefined)
    .map(({ status, url, body }) => `${status} ${url} ${body}`);
const codeOf = ({ location = 'x:' }: Answer) => new URL(location).searchParams.get('code') ?? '';

const open = (browser: Browser) => noted(browser.follow(authorization(), callback()));
function type(browser: Browser, page: Answer, who = 0): Promise<Answer> {
  const { login: username, password } = stage.people[who]!;
  const form = { username, password, form_token: field(page.body, 'form_token') ?? '' };
  return noted(browser.follow(page.url.split('?')[0]!, callback(), { form }));
}
const silently = (browser: Browser) => noted(browser.visit(authorization({ prompt: 'none' })));
const redeem = (code: string) =>
  noted(
    new Browser().visit(`${stage.issuer}/token`, {
      form: { grant_type: 'authorization_code', code, redirect_uri: callback(), code_verifier: VERIFIER },
      headers: {
        authorization: `Basic ${Buffer.from(`${CLIENT}:secret-of-${CLIENT}-0123456789-and-some-more`).toString('base64')}`,
        accept: 'application/json',
      },
    }),
  );
const userinfo = (token: string) =>
  noted(new Browser().visit(`${stage.issuer}/me`, { headers: { authorization: `Bearer ${token}` } }));

/** A login by three nodes in turn: the page, the password, the code. Then session and token at both. */
async function byTurns([first, second, third]: readonly [Server, Server, Server]): Promise<string> {
  const browser = new Browser();
  at(first);
  const page = await open(browser);
  at(second);
  const code = codeOf(await type(browser, page));
  at(third);
  const tokens = await redeem(code);
  const said = [code === '' ? 'no code' : 'code', tokens.status];
  for (const node of [right, wrong]) {
    at(node);
    const token = tokens.status === 200 ? tokens.json<{ access_token: string }>().access_token : '';
    said.push((await userinfo(token)).status, codeOf(await silently(browser)) === '' ? 'nobody' : 'session');
  }
  return said.join(' ');
}
const WELL = 'code 200 200 session 200 session';

async function everyTurn(): Promise<string[]> {
  const turns = [
    [right, wrong, right],
    [wrong, right, wrong],
    [right, right, wrong],
    [wrong, wrong, right],
  ] as const;
  const said: string[] = [];
  for (const turn of turns) said.push(await byTurns(turn));
  return said;
}

describe('a node whose clock is wrong', () => {
  test('by what is tolerated, or by five minutes, takes turns with another within one login', async () => {
    const all: string[] = [];
    for (const byMs of [TOLERATED_MS, -TOLERATED_MS, WRONG_MS, -WRONG_MS]) {
      await step(byMs);
      all.push(...(await everyTurn()));
    }
    expect(all).toEqual(all.map(() => WELL));
  });

  test('and steps in the middle of a login lets it end, and its sessions go on', async () => {
    at(wrong);
    const failed: string[] = [];
    const inSession = new Browser();
    await type(inSession, await open(inSession), 1);
    const moments = [0, WRONG_MS, -WRONG_MS, 0];
    for (const [index, byMs] of moments.entries()) {
      const browser = new Browser();
      const page = await open(browser);
      await step(byMs);
      const code = codeOf(await type(browser, page, 2));
      if ((await redeem(code)).status !== 200) failed.push(`step ${index}: the login`);
      if (codeOf(await silently(inSession)) === '') failed.push(`step ${index}: the session`);
    }
    expect(failed).toEqual([]);
    expect(unexplained()).toEqual([]);
  });

  test('measures no negative duration, and tells nobody to come back in the past', async () => {
    await step(-WRONG_MS);
    at(wrong);
    const browser = new Browser();
    await type(browser, await open(browser), 3);
    const { body } = await new Browser().visit(`${wrong.inside}/metrics`);
    expect(body).toContain('footbridge_request_seconds_sum');
    // What is of a moment may well be before: a process that started by the right clock.
    const negative = body.split('\n').filter((line) => /^footbridge_\w+_seconds.* -\d/.test(line));
    expect(negative).toEqual([]);
    const waits = answers.flatMap(({ headers }) => headers['retry-after'] ?? []).map(Number);
    expect(waits.filter((seconds) => !(seconds > 0))).toEqual([]);
  });

  test('refuses a signed call that is more than 300 seconds from its clock, before or after', async () => {
    const call = (signedAt: number) => {
      const body = JSON.stringify({ session: { id: `none-${signedAt}` } });
      const headers = {
        'content-type': 'application/json',
        [SIGNATURE_HEADER]: signBody(HOOK_KEY, Buffer.from(body), signedAt),
      };
      return new Browser().visit(`${stage.issuer}/legacy/sessions/used`, { method: 'POST', body, headers });
    };
    const accepted = async (node: Server, offset: number) => {
      at(node);
      return (await call(nowSeconds() + offset)).status !== 401;
    };
    const [near, far] = [TOLERANCE_SECONDS - 60, TOLERANCE_SECONDS + 60];
    const offsets = [-far, -near, near, far];
    const by = async (node: Server) => {
      const all: boolean[] = [];
      for (const offset of offsets) all.push(await accepted(node, offset));
      return all;
    };
    expect(await by(right)).toEqual([false, true, true, false]);
    await step(WRONG_MS);
    expect(await by(wrong)).toEqual([false, false, true, true]);
    await step(-WRONG_MS);
    expect(await by(wrong)).toEqual([true, true, false, false]);
    tellFault({
      id: 'R19',
      fault: 'clock of one of two nodes 10 s and 5 min off, both ways, and stepping in mid-login',
      load: `${answers.length} requests of logins that take turns between the nodes`,
      lost: answers.filter(({ status }) => status === 400).length,
      doubled: 0,
      unexplained5xx: unexplained().length,
      recovery:
        'none needed; signed calls more than 300 s off are refused; no negative duration in any metric',
    });
  });
});
