import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Desk, Operation, RunOptions } from '../../src/admin/operation.ts';
import { targetCheck } from '../../src/admin/operations/target-check.ts';
import { targetSetup } from '../../src/admin/operations/target-setup.ts';
import { targetTeardown } from '../../src/admin/operations/target-teardown.ts';
import type { CheckResult, StepResult } from '../../src/targets/run-setup.ts';
import type { Hop } from '../../src/targets/setup.ts';
import { ANNA } from '../provider/harness.ts';
import { execute } from '../support/database.ts';
import type { SetupStage } from '../targets/zitadel/setup-stage.ts';
import { CLIENT_SECRET, openSetupStage } from '../targets/zitadel/setup-stage.ts';

const folder = mkdtempSync(join(tmpdir(), 'footbridge-target-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const configFile = join(folder, 'footbridge.yaml');
const passwordFile = join(folder, 'password');
beforeAll(() => writeFileSync(passwordFile, `${ANNA.password}\n`));

let stage: SetupStage;
beforeAll(async () => {
  stage = await openSetupStage({ withFront: true });
});
afterAll(() => stage.close());
beforeEach(async () => {
  auditedBefore = (await allAudited()).length;
});
afterEach(() => stage.tearDown());

interface Output {
  readonly executed: boolean;
  readonly checks: CheckResult[];
  readonly steps: StepResult[];
  readonly hops: Hop[];
  readonly undone: { id: string; outcome: string }[];
}

function deskOf(setup: Partial<Desk['setup']> = {}, target: object = {}): Desk {
  const one = stage.target(target);
  return {
    db: stage.db,
    keyring: stage.keyring,
    actor: 'operator:test',
    targets: { byName: (name: string) => (name === 'main' ? one : undefined) },
    setup: { issuer: stage.issuer, clients: [stage.client], configFile, ...setup },
  } as unknown as Desk;
}

const run = async (
  operation: Operation,
  input: object,
  { execute: isToDo = false, desk = deskOf() }: Partial<RunOptions> & { desk?: Desk } = {},
) => {
  const parsed = operation.input.parse({ target: 'main', ...input });
  const output = (await operation.run(desk, parsed, { execute: isToDo })) as Output;
  return { output, text: operation.print(output), isWrong: operation.foundWrong?.(output) };
};
const done = (input = {}, desk = deskOf()) => run(targetSetup, input, { execute: true, desk });
let auditedBefore = 0;
const allAudited = () => execute(stage.databaseUrl, 'select action, detail from audit_log order by id');
const audited = async () => (await allAudited()).slice(auditedBefore);

describe('target setup', () => {
  test('says what is to do and changes nothing, then does it, then says that everything is there', async () => {
    const dry = await run(targetSetup, {});
    expect(dry.text).toContain('Nothing was changed: add --execute.');
    expect(await audited()).toEqual([]);
    const first = await done();
    expect(first.isWrong).toBe(false);
    const second = await done();
    expect(second.text).toContain('Everything is there.');
    expect(second.output.checks.filter(({ verdict }) => verdict === 'wrong')).toEqual([]);
    expect((await audited())[0]).toMatchObject({
      action: 'target.set-up',
      detail: { target: 'main', done: expect.arrayContaining(['idp:oidc']), failed: [] },
    });
  });

  test('shows and keeps no secret', async () => {
    const { text, output } = await done({ rotateKeys: true });
    const keys = [...stage.zitadel.instance.targets.values()].map(({ signingKey }) => signingKey);
    const said = text + JSON.stringify(output) + JSON.stringify(await audited());
    for (const secret of [CLIENT_SECRET, stage.zitadel.token, ...keys]) expect(said).not.toContain(secret);
  });

  test('names the lines to paste where our client lacks redirect URIs, and finds that wrong', async () => {
    const desk = deskOf({ clients: [{ ...stage.client, redirectUris: [] }] });
    const { text, isWrong } = await done({}, desk);
    expect(text).toContain(`        - ${stage.zitadel.url}/idps/callback`);
    expect(isWrong).toBe(true);
  });

  test('writes them into the file when asked to, and keeps its permissions', async () => {
    const before = 'provider:\n  clients:\n    # the new one\n    - clientId: zitadel\n';
    writeFileSync(configFile, before, { mode: 0o600 });
    const desk = deskOf({ clients: [{ ...stage.client, redirectUris: [] }] });
    await run(targetSetup, { write: true }, { desk });
    expect(readFileSync(configFile, 'utf8')).toBe(before);
    const { isWrong } = await done({ write: true }, desk);
    expect(isWrong).toBe(false);
    const after = readFileSync(configFile, 'utf8');
    expect(after).toContain('# the new one');
    expect(after).toContain(`      - ${stage.zitadel.url}/ui/login/login/externalidp/callback\n`);
    expect(statSync(configFile).mode & 0o777).toBe(0o600);
  });

  test('writes no file when it is not on the command line', async () => {
    const { configFile: _none, ...setup } = deskOf().setup!;
    const desk = { ...deskOf(), setup };
    await expect(run(targetSetup, { write: true }, { desk })).rejects.toMatchObject({ code: 'bad_request' });
  });

  test('asks nothing more of a target that does not answer', async () => {
    const desk = deskOf({}, { api: { url: 'http://127.0.0.1:9', token: 'none' } });
    const { output, isWrong } = await run(targetSetup, {}, { desk });
    expect(output.checks).toMatchObject([{ id: 'api', verdict: 'wrong' }]);
    expect(output.steps).toEqual([]);
    expect(isWrong).toBe(true);
  });

  test.each([
    ['that there is not', { target: 'none' }, {}, 'not_found'],
    ['of a kind that needs no setup', {}, { kind: 'generic' }, 'target_without_api'],
  ])('refuses a target %s', async (_what, input, target, code) => {
    await expect(run(targetSetup, input, { desk: deskOf({}, target) })).rejects.toMatchObject({ code });
  });

  test('refuses a target whose API nobody has named', async () => {
    const { api: _none, ...target } = stage.target();
    const desk = { ...deskOf(), targets: { byName: () => target } } as unknown as Desk;
    await expect(run(targetSetup, {}, { desk })).rejects.toMatchObject({ code: 'target_without_api' });
  });
});

describe('target check', () => {
  test('finds wrong what is not set up yet, and nothing afterwards', async () => {
    expect((await run(targetCheck, {})).isWrong).toBe(true);
    await done();
    const { output, isWrong } = await run(targetCheck, {});
    expect(output.checks.filter(({ verdict }) => verdict === 'wrong')).toEqual([]);
    expect(isWrong).toBe(false);
  });

  test('tries a login from end to end', async () => {
    await done();
    const { output, text, isWrong } = await run(targetCheck, { login: ANNA.login, passwordFile });
    expect(output.hops.map(({ isGood }) => isGood)).toEqual([true, true, true, true, true]);
    expect(text).toContain('ZITADEL knows who it is');
    expect(isWrong).toBe(false);
    expect(text + JSON.stringify(output)).not.toContain(ANNA.password);
  });

  test('says where a login with a wrong password ends', async () => {
    await done();
    const file = join(folder, 'wrong');
    writeFileSync(file, 'not it');
    const { text, isWrong } = await run(targetCheck, { login: ANNA.login, passwordFile: file });
    expect(text).toContain('username or password is wrong');
    expect(isWrong).toBe(true);
  });

  test.each([
    ['without a password', { login: 'anna' }, 'both --login and --password-file'],
    ['without a login', { passwordFile }, 'both --login and --password-file'],
    ['from a file that is not there', { login: 'anna', passwordFile: '/none/such' }, 'ENOENT'],
  ])('tries no login %s', async (_what, input, detail) => {
    await expect(run(targetCheck, input)).rejects.toMatchObject({
      code: 'bad_request',
      detail: expect.stringContaining(detail),
    });
  });

  test('reads no file when it is not on the command line', async () => {
    const { configFile: _none, ...setup } = deskOf().setup!;
    const desk = { ...deskOf(), setup };
    const input = { login: ANNA.login, passwordFile };
    await expect(run(targetCheck, input, { desk })).rejects.toMatchObject({ code: 'bad_request' });
  });

  test('proves hashes only when told to execute', async () => {
    const accepts = [{ write: 'bcrypt', cost: [4, 31] }];
    const desk = deskOf({}, { accepts });
    const before = stage.zitadel.instance.users.size;
    const dry = await run(targetCheck, { proveHashes: true }, { desk });
    expect(dry.text).toContain('--execute only');
    expect(dry.output.checks.map(({ id }) => id)).not.toContain('hash:bcrypt');
    const { output } = await run(targetCheck, { proveHashes: true }, { desk, execute: true });
    expect(output.checks.at(-1)).toMatchObject({ id: 'hash:bcrypt', verdict: 'ok' });
    expect(stage.zitadel.instance.users.size).toBe(before);
  });
});

describe('target teardown', () => {
  test('says what it would take away, then does, and is audited', async () => {
    await done();
    const dry = await run(targetTeardown, {});
    expect(dry.output.undone.map(({ id }) => id)).toContain('idp:oidc');
    expect(stage.zitadel.instance.idps.size).toBe(1);
    const { isWrong } = await run(targetTeardown, {}, { execute: true });
    expect(isWrong).toBe(false);
    expect(stage.zitadel.instance.idps.size).toBe(0);
    expect((await run(targetTeardown, {})).text).toBe('Nothing of ours is at main.');
    expect((await audited()).at(-1)).toMatchObject({ action: 'target.torn-down' });
  });
});
