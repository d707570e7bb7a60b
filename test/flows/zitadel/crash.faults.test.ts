/** A Footbridge that is killed with -9 at any message of a move is gone on with by the next one, to the same end. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Person } from '../../../example/demo/people.ts';
import { Browser } from '../../support/browser.ts';
import { tellFault } from '../../support/fault-row.ts';
import type { Failure } from '../../support/zitadel/requests.ts';
import { until } from '../server.ts';
import type { Bridge } from './bridge.ts';
import { openBridge } from './bridge.ts';
import { expectArrived, expectWellFormed } from './ends.ts';
import { isStandIn } from './place.ts';
import { logInV2 } from './sequences.ts';
import { SEED } from './settings.ts';

// Each kill starts another process, which takes its time on a busy machine.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** A busy machine takes its time. */
const START_MS = 60_000;
const ENTRY = resolve(import.meta.dirname, '../../../bin/footbridge.js');
/** What a login's move asks of ZITADEL, in its order but for the four looks at one user, which come at once. */
const CALLS = [
  'UserService/GetUserByID',
  'AdminService/ListEvents',
  'UserService/AddHumanUser',
  'ManagementService/AddUserGrant',
  'UserService/GetUserByID',
  'UserService/ListIDPLinks',
  'UserService/ListAuthenticationMethodTypes',
  'ManagementService/ListUserMetadata',
];
const WRITES = [3, 4];
const LONG = Boolean(process.env.FOOTBRIDGE_LONG);
/** In short, where it matters most: before and after what makes somebody there. */
const HELD = LONG ? CALLS.map((_call, at) => at + 1) : [3, 5];

const TITLE = isStandIn
  ? 'a Footbridge'
  : 'a Footbridge [skipped: a real ZITADEL cannot be told to hold a call]';

describe.skipIf(!isStandIn)(TITLE, () => {
  let bridge: Bridge;
  let server: ChildProcess;
  // What is compiled once need not be by everybody after: a dozen processes start here.
  const cache = mkdtempSync(join(tmpdir(), 'footbridge-code-'));
  /** In a group of its own, for where the entry starts another Node. */
  const run = (configFile: string) =>
    spawn(process.execPath, [ENTRY, 'start', '--config', configFile], {
      stdio: 'ignore',
      detached: true,
      env: { ...process.env, NODE_COMPILE_CACHE: cache },
    });
  const start = async () => {
    server = run(bridge.configFile);
    const url = `${bridge.issuer}/.well-known/openid-configuration`;
    await until(async () => {
      if (server.exitCode !== null) throw new Error('the server ended');
      return (await new Browser().visit(url)).status === 200;
    }, START_MS);
  };
  const end = async (signal: NodeJS.Signals) => {
    const exited = once(server, 'exit');
    process.kill(-server.pid!, signal);
    await exited;
  };
  beforeAll(async () => {
    await once(run('no-such-file.yaml'), 'exit');
    bridge = await openBridge({
      app: false,
      setup: false,
      change: ({ targets: [target] }) => {
        target.move.push = 'at-login';
      },
    });
    await start();
    await bridge.setUp();
  });
  afterAll(async () => {
    if (server?.exitCode === null && server.signalCode === null) await end('SIGKILL');
    await bridge?.close();
    rmSync(cache, { recursive: true, force: true });
  });

  const calls = () => {
    const { requests, serviceUser } = bridge.standIn;
    return requests.filter(({ userId }) => userId === serviceUser.userId);
  };

  /** Kills the process while the stand-in holds the n-th call of a move, which `drive` sets off. */
  async function killAt(n: number, how: Failure, drive: () => Promise<unknown>): Promise<void> {
    const before = calls().length;
    let isHeld = false;
    const test = () => {
      isHeld = calls().length - before === n;
      return isHeld;
    };
    bridge.standIn.failNext(Object.assign(/./, { test }), how);
    const driven = drive().catch(() => undefined);
    await until(async () => isHeld);
    await end('SIGKILL');
    await driven;
    // Until the test says so, nobody can know that it is dead.
    await bridge.sql(
      `update target_work set leased_until = now() + interval '1 hour' where lease is not null`,
    );
  }
  const leasesRunOut = () =>
    bridge.sql(`update target_work set leased_until = now() - interval '1 second', due_at = now()`);

  test('that nobody kills asks for just these things', async () => {
    const anna = await bridge.someone('bcrypt', { otpSeed: SEED });
    const before = calls().length;
    await logInV2(bridge, anna);
    const asked = calls()
      .slice(before)
      .map(({ rpc }) => rpc);
    expect(asked.slice(0, 4)).toEqual(CALLS.slice(0, 4));
    expect([...asked].sort()).toEqual([...CALLS].sort());
    await expectArrived(bridge, anna);
  });

  test('that is killed at these is followed by one that ends with one user, complete', async () => {
    const killed: { person: Person; n: number; how: Failure }[] = [];
    const plan = [
      ...HELD.map((n) => ({ n, how: 'hang' as const })),
      ...WRITES.map((n) => ({ n, how: 'hang-after' as const })),
    ];
    let slowestMs = 0;
    for (const { n, how } of plan) {
      const person = await bridge.someone('bcrypt', { otpSeed: SEED, role: 'clerk' });
      await killAt(n, how, () => logInV2(bridge, person));
      expect(await bridge.work(person), `${how} ${n}`).toHaveLength(1);
      expect((await bridge.row(person))?.state, `${how} ${n}`).not.toBe('migrated');
      killed.push({ person, n, how });
      const startMs = performance.now();
      await start();
      slowestMs = Math.max(slowestMs, performance.now() - startMs);
    }
    await leasesRunOut();
    for (const { person } of killed) {
      await until(async () => (await bridge.work(person)).length === 0, 60_000);
      await expectArrived(bridge, person);
    }
    expectWellFormed(bridge);
    tellFault({
      id: 'R2',
      fault: 'kill -9 of the whole server while ZITADEL is called for a login',
      load: `${plan.length} logins, killed before the answer to ${plan.map(({ n, how }) => `${CALLS[n - 1]!.split('/')[1]}${how === 'hang-after' ? ' (done)' : ''}`).join(', ')}`,
      ...{ lost: 0, doubled: 0, unexplained5xx: 0 },
      recovery: `the next server answers within ${(slowestMs / 1_000).toFixed(1)} s and ends every move once its lease has run out`,
    });
  });

  test.runIf(LONG)('that is killed again and again while it goes on makes the person once', async () => {
    const anna = await bridge.someone('argon2', { otpSeed: SEED });
    await killAt(3, 'hang-after', () => logInV2(bridge, anna));
    for (const n of [1, 5]) {
      await start();
      await killAt(n, 'hang', leasesRunOut);
    }
    await start();
    await leasesRunOut();
    await until(async () => (await bridge.work(anna)).length === 0);
    await expectArrived(bridge, anna);
  });
});
