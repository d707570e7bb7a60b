/** The end of an old shop: checked, redirected, wiped, proved and finished, and then the shop is switched off. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Person } from '../../../example/demo/people.ts';
import { Browser, field } from '../../support/browser.ts';
import type { StandInKratos } from '../../support/kratos/index.ts';
import { startKratos } from '../../support/kratos/index.ts';
import type { Town } from '../batch/town.ts';
import { openTown, SHOP, subOf } from '../batch/town.ts';
import { until } from '../server.ts';
import { cli } from '../zitadel/command-line.ts';

vi.setConfig({ testTimeout: 60_000 });

const NEW_ONE = 'http://new-one.example/callback';
const NEW_ONE_CLIENT = `Basic ${Buffer.from('new-one:secret-of-the-target-0123456789').toString('base64')}`;
const VERIFIER = 'v'.repeat(64);
const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url');
const LOGIN_URL = 'https://app.example.com/login?login_hint=';

let kratos: StandInKratos;
let town: Town;
let folder: string;
let anna: Person;
/** Kratos cannot read their hash: they are there with nothing but the link to us. */
let bound: Person;
let excluded: Person;
let deleted: Person;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'footbridge-retire-'));
  kratos = await startKratos();
  town = await openTown({
    target: {
      kind: 'kratos',
      api: { url: kratos.url, open: true, identityProvider: 'footbridge', perSecond: 1_000 },
    },
  });
  const people = await town.settle([{}, {}, { kind: 'md5' }, { kind: 'phpass' }, {}, {}]);
  [anna, , , bound, excluded, deleted] = people as [Person, Person, Person, Person, Person, Person];
  await town.sql(
    `insert into ledger (target, sub, state, from_state) values ('kratos', $1, 'excluded', 'legacy'), ('kratos', $2, 'deleted', 'legacy')`,
    [subOf(excluded), subOf(deleted)],
  );
});
afterAll(async () => {
  await town?.close();
  await kratos?.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Checked {
  readonly criteria: readonly {
    readonly code: string;
    readonly isMet: boolean | null;
    readonly found: string;
  }[];
}
const ACCEPT = ['--accept-left', '1', '--reason', 'has a phone number only'] as const;
const retire = (verb: string, ...more: string[]) => town.cli('retire', verb, '--target', 'kratos', ...more);
async function missing(...more: string[]): Promise<string[]> {
  const { criteria } = await town.told<Checked>('retire', 'check', '--target', 'kratos', ...more);
  return criteria.filter(({ isMet }) => isMet === false).map(({ code }) => code);
}
const tables = () => town.sql('select target, state from retirements');
const authorization = (more: Record<string, string> = {}) =>
  `${town.issuer}/auth?${new URLSearchParams({
    ...{ client_id: 'legacy-shop', redirect_uri: SHOP, response_type: 'code', scope: 'openid', state: 's' },
    ...more,
  })}`;
/** Where a browser is sent that has just been opened. */
const sentTo = async (url: string) => {
  const { status, location = '' } = await new Browser().visit(url);
  return { status, location };
};
const token = (form: Record<string, string>) =>
  new Browser().visit(`${town.issuer}/token`, { form, headers: { authorization: NEW_ONE_CLIENT } });
/** A login at the target’s own client, which the target has sent here: the code. */
async function brokered(person: Person): Promise<string> {
  const browser = new Browser();
  const url = authorization({
    ...{ client_id: 'new-one', redirect_uri: NEW_ONE, code_challenge: CHALLENGE },
    code_challenge_method: 'S256',
  });
  const page = await browser.follow(url, NEW_ONE);
  const {
    location = '',
    status,
    body,
  } = await browser.follow(page.url.split('?')[0]!, NEW_ONE, {
    form: {
      username: person.login,
      password: person.password,
      form_token: field(page.body, 'form_token') ?? '',
    },
  });
  const code = new URL(location || 'x:').searchParams.get('code');
  if (!code) throw new Error(`no code: ${status} ${body}`);
  return code;
}
/** Nobody is waited for who logged in a month ago. */
async function aMonthLater(): Promise<void> {
  await town.sql(`update ledger set proved_at = proved_at - interval '40 days' where proved_at is not null`);
  await town.sql('delete from rollout_counts');
}
const redeem = (code: string) =>
  token({ grant_type: 'authorization_code', code, redirect_uri: NEW_ONE, code_verifier: VERIFIER });
const me = (accessToken: string) =>
  new Browser().visit(`${town.issuer}/me`, { headers: { authorization: `Bearer ${accessToken}` } });

describe('the check', () => {
  test('says what is missing, and exits with 1', async () => {
    const { code, out } = await retire('check');
    expect([code, out]).toEqual([1, expect.stringContaining('it cannot go yet')]);
    expect(out).toMatch(/4 people left: .*never came/);
    expect(await missing()).toEqual(['everybody_there', 'both_sides_equal']);
  });

  test('of a target that there is not says so', async () => {
    expect(await town.cli('retire', 'check', '--target', 'nowhere')).toMatchObject({ code: 2 });
  });

  test('without what is missing lets nobody redirect', async () => {
    expect(await retire('redirect', '--execute')).toMatchObject({ code: 1 });
    expect(await tables()).toEqual([]);
  });

  test('is content once everybody is there, compared, and the rest is accepted with a reason', async () => {
    await town.cli('batch', 'plan', '--target', 'kratos', '--name', 'move', '--execute');
    await town.cli('batch', 'run', 'move', '--execute');
    await town.done('move');
    await town.cli('batch', 'verify', '--target', 'kratos');
    expect(await missing()).toEqual(['everybody_there']);
    expect((await retire('check')).out).toMatch(/1 person are there, with something missing \(shop:4\)/);
    expect(await retire('check', '--accept-left', '1')).toMatchObject({
      code: 2,
      err: expect.stringContaining('needs a --reason'),
    });
    expect(await missing(...ACCEPT)).toEqual([]);
  });

  test('finds a login that still comes through us', async () => {
    await brokered(bound);
    expect(await missing(...ACCEPT)).toEqual(['nobody_brokers']);
    await aMonthLater();
    expect(await missing(...ACCEPT)).toEqual([]);
  });
});

describe('the redirect', () => {
  let code: string;
  let spare: string;

  test('is a dry run without --execute', async () => {
    expect(await retire('redirect', ...ACCEPT)).toMatchObject({
      code: 0,
      out: expect.stringContaining('Nothing was changed'),
    });
    expect(await tables()).toEqual([]);
    expect((await sentTo(authorization())).location).toContain('/login/');
  });

  test('sends everybody on within seconds, without a restart', async () => {
    [code, spare] = [await brokered(anna), await brokered(anna)];
    const begun = await new Browser().visit(authorization());
    await aMonthLater();
    expect(await retire('redirect', ...ACCEPT, '--execute')).toMatchObject({ code: 0 });
    await until(async () => (await sentTo(authorization())).location.startsWith(LOGIN_URL));
    expect(await sentTo(authorization({ login_hint: 'anna@example.com' }))).toEqual({
      status: 303,
      location: `${LOGIN_URL}anna%40example.com`,
    });
    // A page that was open before knows no person, and asks for none.
    expect(await sentTo(new URL(begun.location!, town.issuer).href)).toMatchObject({
      status: 303,
      location: expect.stringContaining(LOGIN_URL),
    });
  });

  test('tells a frame that asks silently that nobody is logged in', async () => {
    const { status, location } = await sentTo(authorization({ prompt: 'none' }));
    expect([status, Object.fromEntries(new URL(location).searchParams)]).toEqual([
      303,
      expect.objectContaining({ error: 'login_required', state: 's' }),
    ]);
    const foreign = await new Browser().visit(
      authorization({ prompt: 'none', redirect_uri: 'https://evil.example/callback' }),
    );
    expect([foreign.status, foreign.location]).toEqual([400, undefined]);
  });

  test('goes in no circle with a target that sends people back', async () => {
    const browser = new Browser();
    expect((await browser.visit(authorization())).status).toBe(303);
    const again = await browser.visit(authorization());
    expect([again.status, again.body]).toEqual([
      200,
      expect.stringContaining('https://app.example.com/login'),
    ]);
  });

  test('lets a code that was issued before be used', async () => {
    const tokens = await redeem(code);
    expect(tokens.status).toBe(200);
    const { access_token } = tokens.json<{ access_token: string }>();
    expect((await me(access_token)).json()).toMatchObject({ sub: subOf(anna) });
  });

  test('answers apps and targets that it is over', async () => {
    for (const [method, path] of [
      ['POST', '/migration/users/shop:1/secrets'],
      ['POST', '/migration/users/ensure'],
      ['GET', '/migration/users?login=anna'],
      ['POST', '/hooks/kratos/kratos/password'],
      ['POST', '/drop-ins/ory'],
      ['POST', '/legacy/changes'],
    ] as const) {
      const answer = await fetch(town.issuer + path, { method, ...(method === 'POST' && { body: '{}' }) });
      expect([path, answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
        path,
        410,
        'already_retired',
      ]);
    }
    // Another target's hooks are not this one's.
    expect((await fetch(`${town.issuer}/hooks/zitadel/other/session`, { method: 'POST' })).status).toBe(404);
  });

  test('is taken back on every node', async () => {
    expect(await retire('redirect', '--undo')).toMatchObject({ code: 0 });
    expect(await tables()).toEqual([{ target: 'kratos', state: 'redirecting' }]);
    expect(await retire('redirect', '--undo', '--execute')).toMatchObject({ code: 0 });
    await until(async () => (await sentTo(authorization())).location.includes('/login/'));
    await brokered(anna);
    await aMonthLater();
    expect(await retire('redirect', ...ACCEPT, '--execute')).toMatchObject({ code: 0 });
    await until(async () => (await sentTo(authorization())).location.startsWith(LOGIN_URL));
  });

  test('works while the legacy store refuses every connection', async () => {
    await town.shop.switchTo(false);
    await town.stop();
    await town.start();
    expect((await sentTo(authorization())).location).toContain(LOGIN_URL);
    const answers = await Promise.all(
      [
        ...['/.well-known/openid-configuration', '/jwks', '/session/end', '/login/x', '/claim/x', '/jwt'],
        ...['/migration/users/shop:1', '/me', '/nothing', authorization().slice(town.issuer.length)],
      ].map(
        async (path) => [path, (await fetch(town.issuer + path, { redirect: 'manual' })).status] as const,
      ),
    );
    expect(answers.filter(([, status]) => status >= 500)).toEqual([]);
    expect((await redeem(spare)).status).toBe(400);
  });
});

const kept = async () => (await town.sql(`select sub from wipes where link = 'kept'`)).map(({ sub }) => sub);

/** Of some password; nobody logs in with it here. */
const HASH = '$2b$04$eSiGvdZW4qfOBp/4fnQbr.4T0tpnPYuGtPcPKc9XN5KjMr/dWNHMq';
/** Who has a link to us at Kratos. */
const linked = () =>
  [...kratos.identities.byId.values()].filter(
    ({ credentials: { oidc } }) => oidc !== undefined && oidc.identifiers.length > 0,
  );

describe('the wipe', () => {
  test('is not to be had before the redirect, nor the end before the wipe', async () => {
    await town.sql(`update retirements set state = 'open'`);
    expect(await retire('wipe', '--execute')).toMatchObject({
      code: 2,
      err: expect.stringContaining('It is open'),
    });
    await town.sql(`update retirements set state = 'redirecting'`);
    expect(await retire('finish', '--execute')).toMatchObject({ code: 2 });
    expect(await town.sql('select 1 from wipes')).toEqual([]);
  });

  test('changes nothing without --execute', async () => {
    const before = await town.states();
    expect((await retire('wipe')).out).toContain('It cannot be taken back.');
    expect([await town.states(), await town.sql('select 1 from wipes')]).toEqual([before, []]);
  });

  test('retires everybody, unlinks whoever can log in there, and leaves no secret', async () => {
    // Kratos reads no such hash: what they typed was kept for it.
    expect(await town.sql('select sub from captured_passwords')).toEqual([{ sub: subOf(bound) }]);
    const { code, out } = await retire('wipe', '--execute');
    expect([code, out]).toEqual([0, expect.stringContaining('1 of captured_passwords')]);
    expect(await town.states()).toEqual({ retired: 3, created: 1, excluded: 1, deleted: 1 });
    expect(await town.sql('select link, count(*)::int as people from wipes group by 1 order by 1')).toEqual([
      { link: 'kept', people: 1 },
      { link: 'local', people: 3 },
      { link: 'none', people: 2 },
    ]);
    expect(await kept()).toEqual([subOf(bound)]);
    expect(await town.sql('select 1 from captured_passwords')).toEqual([]);
    expect(await town.sql('select 1 from ledger where released_of is not null')).toEqual([]);
    expect(linked()).toHaveLength(1);
  });

  test('leaves those who can log in there able to', async () => {
    expect((await kratos.login(anna.email!, anna.password)).outcome).toBe('in');
  });

  test('said again does nobody twice', async () => {
    const records = () =>
      town.sql(`select count(*)::int as records from audit_log where action = 'retirement.wiped'`);
    const before = await records();
    expect((await retire('wipe', '--execute')).out).toContain('1 person looked at, 5 were done before.');
    expect(await records()).toEqual(before);
  });

  test('lets go of somebody who has a password there by now', async () => {
    expect(await retire('finish')).toMatchObject({
      code: 1,
      out: expect.stringMatching(/only through us.*\n.*No evidence/),
    });
    const [identity] = linked();
    const password = { identifiers: [bound.email!], config: { hashed_password: HASH } };
    kratos.identities.replace({ ...identity!, credentials: { ...identity!.credentials, password } });
    await retire('wipe', '--execute');
    expect(await kept()).toEqual([]);
    expect(linked()).toEqual([]);
  });
});

describe('the evidence', () => {
  const pack = () => join(folder, 'pack');
  let thumbprint: string;

  test('is a folder that nobody overwrites', async () => {
    const told = await town.told<{ thumbprint: string }>(
      ...['audit', 'evidence', '--target', 'kratos', '--output', pack()],
    );
    thumbprint = told.thumbprint;
    const before = readFileSync(join(pack(), 'manifest.json'), 'utf8');
    const again = await town.cli('audit', 'evidence', '--target', 'kratos', '--output', pack());
    expect(again).toMatchObject({ code: 2, err: expect.stringContaining('nothing is overwritten') });
    expect(readFileSync(join(pack(), 'manifest.json'), 'utf8')).toBe(before);
    expect(existsSync(`${pack()}.partial`)).toBe(false);
  });

  test('is verified without settings and database', async () => {
    const { code, out } = await cli(
      ...['audit', 'verify', '--pack', pack(), '--key', thumbprint, '--config', join(folder, 'no.yaml')],
    );
    expect([code, out]).toEqual([0, expect.stringContaining('Signed by the key that you named')]);
  });

  test('names no person, and has a line for each', async () => {
    const ledger = readFileSync(join(pack(), 'ledger.jsonl'), 'utf8');
    expect(ledger.trimEnd().split('\n')).toHaveLength(6);
    for (const name of [
      'ledger.jsonl',
      'wipes.jsonl',
      'deletions.jsonl',
      'reconciliation.json',
      'secret-access.jsonl',
    ])
      expect([name, readFileSync(join(pack(), name), 'utf8')]).toEqual([
        name,
        expect.not.stringMatching(/shop:\d/),
      ]);
    const said = (readFileSync(join(pack(), 'deletions.jsonl'), 'utf8').match(/"kind":"tombstone"/g) ?? [])
      .length;
    expect(said).toBe(1);
  });

  test('says who is who where that is asked for', async () => {
    const named = join(folder, 'named');
    await town.cli('audit', 'evidence', '--target', 'kratos', '--output', named, '--names');
    const [line = ''] = readFileSync(join(named, 'ledger.jsonl'), 'utf8').split('\n');
    expect(JSON.parse(line)).toMatchObject({ sub: expect.stringMatching(/^shop:/), state: 'retired' });
    const digest = createHash('sha256')
      .update(readFileSync(join(named, 'ledger.jsonl')))
      .digest('hex');
    expect(readFileSync(join(named, 'manifest.json'), 'utf8')).toContain(digest);
  });
});

describe('the end', () => {
  test('is reached, and is final', async () => {
    expect(await retire('finish')).toMatchObject({
      code: 0,
      out: expect.stringContaining('Nothing was changed'),
    });
    expect(await retire('finish', '--execute')).toMatchObject({ code: 0 });
    expect((await retire('status')).out).toContain('It is over');
    for (const verb of ['redirect', 'wipe', 'finish'])
      expect(await retire(verb, '--execute')).toMatchObject({
        code: 2,
        err: expect.stringContaining('It is retired'),
      });
    expect(await retire('redirect', '--undo', '--execute')).toMatchObject({ code: 2 });
  });

  test('leaves a server that starts and answers without a legacy store', async () => {
    await town.stop();
    await town.start();
    const browser = new Browser();
    expect((await browser.visit(authorization())).location).toContain(LOGIN_URL);
    expect((await fetch(`${town.issuer}/jwks`)).status).toBe(200);
    expect((await town.cli('audit', 'verify')).code).toBe(0);
  });

  test('is in the audit log, step by step', async () => {
    const rows = await town.sql(
      `select action from audit_log where action ~ '^(retirement\\.(?!wiped)|evidence)' order by id`,
    );
    expect(rows.map(({ action }) => action)).toEqual([
      ...['retirement.redirecting', 'retirement.open', 'retirement.redirecting', 'retirement.wiping'],
      ...['evidence.written', 'evidence.written', 'retirement.retired'],
    ]);
  });
});
