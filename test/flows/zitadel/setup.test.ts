/** `footbridge target setup`, `check` and `teardown`, as an operator runs them, beside a running facade. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser } from '../../support/browser.ts';
import { until } from '../server.ts';
import type { Bridge } from './bridge.ts';
import { openBridge } from './bridge.ts';
import { expectArrived } from './ends.ts';
import { standInTest } from './place.ts';
import { logInV2 } from './sequences.ts';
import { TARGET } from './settings.ts';

let bridge: Bridge;
let before: string;
beforeAll(async () => {
  bridge = await openBridge({
    setup: false,
    change: ({ targets: [target] }) => {
      target.move.typedPasswords = true;
      target.setup.loginVersions = ['v1', 'v2'];
    },
  });
  before = await everything();
});
afterAll(() => bridge?.close());

/** All that the stand-in has stored but for what only tells the past; of a real one, what its API lists of our making. */
async function everything(): Promise<string> {
  try {
    const { instance } = bridge.standIn;
    const { idps, targets, executions, actions, loginIdps, organizationLogins, policies, features } =
      instance;
    // A trigger without a script is none.
    const flows = [...instance.flows].filter(([, scripts]) => scripts.length > 0);
    const parts = {
      idps,
      targets,
      executions,
      actions,
      flows,
      loginIdps,
      organizationLogins,
      policies,
      features,
    };
    const users = [...instance.users.values()];
    return JSON.stringify({ ...parts, users }, (_key, value) =>
      value instanceof Map || value instanceof Set ? [...value] : value,
    );
  } catch {
    const list = async (path: string) => {
      const { result = [] } = await bridge.operator<{ result?: { details?: object }[] }>('POST', path, {});
      return result.map(({ details: _times, ...rest }) => rest);
    };
    const [idps, linked] = [
      await list('/admin/v1/idps/templates/_search'),
      await list('/admin/v1/policies/login/idps/_search'),
    ];
    return JSON.stringify([idps, linked]);
  }
}
const setup = (...more: string[]) => bridge.cli('target', 'setup', TARGET, ...more);
const check = (...more: string[]) => bridge.cli('target', 'check', TARGET, ...more);
const teardown = (...more: string[]) => bridge.cli('target', 'teardown', TARGET, ...more);
interface Told {
  readonly checks: readonly { id: string; verdict: string }[];
  readonly steps: readonly { id: string; outcome: string }[];
  readonly hops: readonly { what: string; isGood: boolean; detail?: string }[];
}
const told = (out: string) => JSON.parse(out) as Told;

describe('the setup, from nothing to nothing', () => {
  test('says first what it would do, and does nothing', async () => {
    const { code, out } = await setup('--json');
    expect(code).toBe(0);
    expect(new Set(told(out).steps.map(({ outcome }) => outcome))).toEqual(new Set(['there', 'to-do']));
    expect(await everything()).toBe(before);
    expect((await check()).code).toBe(1);
  });

  test('does it, and at the second time there is nothing to do', async () => {
    const done = await setup('--execute');
    expect([done.code, done.out]).toEqual([0, expect.stringContaining('Done')]);
    const after = await everything();
    expect(after).not.toBe(before);
    const again = await setup('--execute');
    expect([again.code, again.out]).toEqual([0, expect.stringContaining('Everything is there.')]);
    expect(await everything()).toBe(after);
  });

  test('is found good by the check', async () => {
    const { code, out } = await check('--json');
    const { checks, steps } = told(out);
    expect(checks.filter(({ verdict }) => verdict === 'wrong')).toEqual([]);
    expect(steps.filter(({ outcome }) => outcome !== 'there')).toEqual([]);
    expect(code).toBe(0);
  });

  test('carries a login from end to end, which the check drives itself', async () => {
    const anna = await bridge.someone();
    const file = join(bridge.folder, 'password');
    writeFileSync(file, `${anna.password}\n`);
    const { code, out } = await check('--login', anna.login, '--password-file', file, '--json');
    expect(told(out).hops.map(({ what, isGood }) => [what, isGood])).toEqual([
      ['ZITADEL starts a login at us', true],
      ['Our login page comes', true],
      ['The password is right', true],
      ['ZITADEL takes the code and fetches the claims', true],
      ['ZITADEL knows who it is', true],
    ]);
    expect(code).toBe(0);
    expect(out).not.toContain(anna.password);
  });

  test('has the check say where a login ends that goes wrong', async () => {
    const anna = await bridge.someone();
    const file = join(bridge.folder, 'wrong');
    writeFileSync(file, 'not hers\n');
    const { code, out } = await check('--login', anna.login, '--password-file', file, '--json');
    expect(told(out).hops.at(-1)).toMatchObject({ isGood: false, detail: expect.stringContaining('wrong') });
    expect(code).toBe(1);
  });

  standInTest(
    'has its keys replaced on request, and goes on with the new ones',
    'it would wait for its events',
    async () => {
      const keys = () => [...bridge.standIn.instance.targets.values()].map(({ signingKey }) => signingKey);
      const old = keys();
      expect(await setup('--rotate-keys', '--execute')).toMatchObject({ code: 0 });
      expect(keys().filter((key) => old.includes(key))).toEqual([]);
      const anna = await bridge.someone();
      // The facade looks for new keys once a second, however often it meets one that it does not know.
      await until(async () => {
        await logInV2(bridge, anna);
        await bridge.deliver();
        return (await bridge.row(anna))?.state === 'migrated';
      });
      const { id } = await expectArrived(bridge, anna);
      await bridge.operator('DELETE', `/v2/users/${id}`);
    },
  );

  test('is taken away to the last byte, and the facade still runs', async () => {
    const dry = await teardown();
    expect([dry.code, dry.out]).toEqual([0, expect.stringContaining('Nothing was changed')]);
    expect(await teardown('--execute')).toMatchObject({ code: 0 });
    expect(await everything()).toBe(before);
    expect((await teardown()).out).toContain('Nothing of ours');
    const discovery = await new Browser().visit(`${bridge.issuer}/.well-known/openid-configuration`);
    expect([discovery.status, discovery.json().issuer]).toEqual([200, bridge.issuer]);
  });

  standInTest(
    'gives back what an earlier one has left, as it was, when its records are lost',
    'it would leave it there',
    async () => {
      await setup('--execute');
      await bridge.sql('delete from target_resources');
      const left = await everything();
      expect(await setup('--execute')).toMatchObject({ code: 0 });
      expect(await teardown('--execute')).toMatchObject({ code: 0 });
      const there = await everything();
      for (const { name } of bridge.standIn.instance.targets.values()) expect(left).toContain(name);
      expect(there).toContain(bridge.issuer);
      expect(bridge.standIn.violations).toEqual([]);
    },
  );
});
