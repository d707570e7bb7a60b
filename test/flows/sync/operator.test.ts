/** An operator's weeks with two-way sync, over the real command line and API. Each test goes on where the last has ended. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { stringify } from 'yaml';
import type { Person } from '../../../example/demo/people.ts';
import type { CidaasStandIn } from '../../support/cidaas/index.ts';
import { APP, openCidaas } from '../../support/cidaas/index.ts';
import { subscribe } from '../../targets/cidaas/receiver.ts';
import type { Town } from '../batch/town.ts';
import { ADMIN_TOKEN, openTown } from '../batch/town.ts';
import type { Server } from '../server.ts';
import { startServer, until } from '../server.ts';
import { cli } from '../zitadel/command-line.ts';
import type { Settings } from '../zitadel/settings.ts';
import { applyToShop, atShop, isQuiet, statusOf } from './shop.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const PEOPLE = 6;
const KEY = 'key-of-the-webhook-0123456789';

let cidaas: CidaasStandIn;
let town: Town;
let server: Server;
let people: Person[];

beforeAll(async () => {
  cidaas = await openCidaas({ migrationMode: true });
  town = await openTown({
    target: {
      kind: 'cidaas',
      api: { url: cidaas.url, clientCredentials: APP, identityProvider: 'footbridge', perSecond: 1_000 },
      cidaas: { migrationMode: true },
      webhook: { apiKey: { name: 'x-api-key', in: 'header', value: KEY } },
    },
    change: (settings) => {
      Object.assign(settings.legacy.sql, applyToShop());
      settings.sync = {
        pairs: [
          {
            target: 'cidaas',
            fields: { givenName: 'ask', familyName: 'last-writer' },
            gone: { graceSeconds: 0 },
            sweepMinutes: 0,
            attempts: 1,
          },
        ],
      };
    },
    app: false,
  });
  people = await town.settle(Array.from({ length: PEOPLE }, () => ({})));
  server = await startServer(town);
  await hear(KEY);
  await town.told('batch', 'plan', '--target', 'cidaas', '--name', 'move', '--execute');
  await town.told('batch', 'run', 'move', '--execute');
  await town.done('move');
});
afterAll(async () => {
  server?.process.kill('SIGTERM');
  await server?.exited;
  await town?.close();
  await cidaas?.close();
});

/** Webhooks with this key, from now on. */
async function hear(apikey: string): Promise<void> {
  const status = await subscribe(cidaas, {
    auth_type: 'APIKEY',
    events: ['ACCOUNT_MODIFIED'],
    url: `${server.issuer}/webhooks/cidaas`,
    apikeyDetails: { apikey_placeholder: 'x-api-key', apikey_placement: 'header', apikey },
  });
  expect(status).toBe(201);
}
const sync = (name: string, more: readonly string[] = []) => town.cli('sync', name, ...more);
const done = async (name: string, ...more: string[]) => {
  const ran = await sync(name, [...more, '--execute']);
  expect(ran).toMatchObject({ code: 0 });
  return ran;
};
async function call(name: string, body: object = {}, token = ADMIN_TOKEN) {
  const response = await fetch(`${server.inside}/admin/api/sync/${name}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
const subOf = (person: Person) => cidaas.tenant.byIdentifier(person.email ?? '')!.sub;
const nameAt = (person: Person, field: string) =>
  cidaas.tenant.byIdentifier(person.email ?? '')!.identities.find(({ provider }) => provider === 'self')?.[
    field
  ];
const inShop = ({ id }: Person, column: string, value: unknown) =>
  town.shop.sql(`update customers set ${column} = $2, changed_at = now() where id = $1`, [id, value]);
async function atCidaas(person: Person, fields: Record<string, unknown>): Promise<void> {
  await cidaas.changes.profile(subOf(person), fields);
  await cidaas.webhooks.settled();
}
const quiet = () => until(() => isQuiet(town), 60_000);
const metric = async (name: string) =>
  (await (await fetch(`${server.inside}/metrics`)).text())
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));

describe('before it begins', () => {
  test('mistakes in the settings are told with file, line, column, path and what to do', async () => {
    const file = structuredClone(town.settings) as Settings;
    delete file.legacy.sql.apply.givenName;
    Object.assign(file.sync.pairs[0], { newAtTarget: 'create', gone: { fromTarget: 'remove' } });
    file.sync.pairs.push({ target: 'cidas' });
    const config = join(town.data, 'mistaken.yaml');
    writeFileSync(config, stringify(file), { mode: 0o600 });
    const { code, err } = await cli('config', 'check', '--config', config);
    expect(code).toBe(1);
    for (const told of [
      'sync.pairs.0.fields.givenName: shop cannot be written to: expected `apply.givenName` there',
      'sync.pairs.0.gone.fromTarget: nobody can be removed in shop: expected `apply.remove` there',
      'sync.pairs.0.newAtTarget: nobody can be made in shop: expected `writes.createPerson` there',
      'sync.pairs.1.target: no target has this name: expected one of `targets` (cidaas)',
    ])
      expect(err.split('\n').find((line) => line.includes(told))).toMatch(/mistaken\.yaml:\d+:\d+ sync/);
    expect(await cli('config', 'check', '--config', town.configFile)).toMatchObject({ code: 0 });
  });

  test('it says that nothing is started, and does not start without what the store needs', async () => {
    expect(await sync('status')).toMatchObject({ code: 0, out: expect.stringContaining('not started') });
    const started = await sync('start', ['--execute']);
    expect(started).toMatchObject({ code: 1, out: expect.stringContaining('footbridge sync install') });
    expect((await statusOf(town)).state).toBe('not-started');
  });

  test('what the store needs is printed, made, and found to be there the second time', async () => {
    const dry = await sync('install');
    expect(dry).toMatchObject({
      code: 0,
      out: expect.stringMatching(/create table[\s\S]*Nothing was changed/),
    });
    expect(await tables()).toEqual([]);
    await done('install');
    expect(await done('install')).toMatchObject({ out: expect.stringContaining('Everything is there.') });
    expect(await tables()).toEqual(['footbridge_applied', 'footbridge_changes']);
  });

  test('it is not started while the target is down, and says that it is the target', async () => {
    cidaas.fail(503);
    const { code, out } = await sync('start', ['--execute']);
    cidaas.fail(503, 0);
    expect([code, out]).toEqual([1, expect.stringMatching(/wrong +the API of cidaas answers/)]);
    expect(out).toMatch(/good +the legacy store answers/);
    expect((await statusOf(town)).state).toBe('not-started');
  });

  test('it begins with --execute only, and everybody is compared', async () => {
    expect(await sync('start')).toMatchObject({ code: 0, out: expect.stringContaining(`${PEOPLE} people`) });
    expect((await statusOf(town)).state).toBe('not-started');
    await done('start');
    await until(async () => (await statusOf(town)).state === 'running', 60_000);
    await quiet();
    expect((await statusOf(town)).people).toEqual({ atTarget: PEOPLE, compared: PEOPLE, equal: PEOPLE });
    expect(await metric('footbridge_sync_state')).toContain(
      'footbridge_sync_state{target="cidaas",state="running"} 1',
    );
  });
});

const tables = async () =>
  (
    await town.shop.sql(
      `select table_name as name from information_schema.tables where table_name like 'footbridge%' order by 1`,
    )
  ).map(({ name }) => name);

describe('by day', () => {
  test('a pause keeps everything where it is, and nobody is lost by it', async () => {
    const [person] = people as [Person];
    expect((await sync('pause')).out).toContain('would be paused');
    await done('pause');
    await inShop(person, 'last_name', 'Wartend');
    await until(async () => (await statusOf(town)).queue?.live === 1);
    expect(nameAt(person, 'family_name')).toBe('Sommerfeld');
    await done('resume');
    await until(async () => nameAt(person, 'family_name') === 'Wartend');
    await quiet();
  });

  test('both sides changed where the rule is `ask`: somebody decides, and sees values only on record', async () => {
    const [, person] = people as [Person, Person];
    await done('pause');
    await inShop(person, 'first_name', 'Annegret');
    await atCidaas(person, { given_name: 'Annika' });
    await done('resume');
    await until(async () => (await statusOf(town)).open.length === 1);
    expect(await sync('status')).toMatchObject({
      code: 1,
      out: expect.stringContaining('footbridge sync conflicts --target cidaas'),
    });
    await until(async () => (await metric('footbridge_sync_conflicts_open')).join().endsWith('"} 1'));
    const listed = await sync('conflicts');
    expect(listed.out).toContain('givenName  both-changed');
    expect(listed.out).not.toContain('Ann');
    const shown = await sync('conflicts', ['--show-values']);
    expect(shown.out).toMatch(/legacy: "Annegret"\s+target: "Annika"/);
    const id = /^\d+/m.exec(shown.out)?.[0] ?? '';
    expect((await sync('resolve', [id, '--keep', 'target'])).code).toBe(0);
    expect(await atShop(town, person.id, 'first_name')).toBe('Annegret');
    await done('resolve', id, '--keep', 'target');
    await until(async () => (await atShop(town, person.id, 'first_name')) === 'Annika');
    await quiet();
    expect((await sync('status')).code).toBe(0);
    expect((await sync('resolve', [id, '--keep', 'target', '--execute'])).code).toBe(2);
    expect((await town.cli('audit', 'export')).out).toContain('sync.values-shown');
  });

  test('one person is told of, without a value', async () => {
    const [, person] = people as [Person, Person];
    const { code, out } = await sync('user', [person.login]);
    expect([code, out]).toEqual([0, expect.stringContaining(`shop:${person.id} at cidaas`)]);
    expect(out).not.toMatch(/Annika|@example/);
  });

  test('the status is a page to be sent around, with nobody’s name on it', async () => {
    const html = join(town.data, 'status.html');
    expect((await sync('status', ['--html', html])).code).toBe(0);
    expect(statSync(html).mode & 0o777).toBe(0o600);
    expect(readFileSync(html, 'utf8')).not.toMatch(/shop:\d|Annika|@example|https?:/);
  });
});

describe('by night', () => {
  test('whom the store will not take is a dead letter; when the cause is mended they get another turn', async () => {
    const [, , person] = people as [Person, Person, Person];
    await town.shop.sql(`alter table customers add constraint short check (length(last_name) < 12)`);
    await atCidaas(person, { family_name: 'Langenscheidt-Berlitz' });
    await until(async () => (await statusOf(town)).queue?.dead === 1);
    expect((await sync('status')).code).toBe(1);
    await until(async () => (await metric('footbridge_sync_dead')).join().endsWith('} 1'));
    const dead = await sync('dead');
    expect([dead.code, dead.out]).toEqual([1, expect.stringContaining(`shop:${person.id}  bad_request`)]);
    expect(dead.out).not.toContain('Langenscheidt');
    await town.shop.sql('alter table customers drop constraint short');
    expect((await sync('redrive')).out).toContain('1 person would get another turn');
    await done('redrive', '--user', `shop:${person.id}`);
    await until(async () => (await atShop(town, person.id, 'last_name')) === 'Langenscheidt-Berlitz');
    await quiet();
    expect((await sync('dead')).code).toBe(0);
  });

  test('a target that is down makes people wait, and no dead letters', async () => {
    const [, , , person] = people as Person[];
    cidaas.fail(503);
    await inShop(person!, 'last_name', 'Geduld');
    await until(async () => (await statusOf(town)).queue?.live === 1);
    await until(async () => (await sync('status')).out.includes('1 waiting for another try, 0 dead letters'));
    await until(async () => (await metric('footbridge_sync_retrying')).join().endsWith('} 1'));
    expect(server.output()).toMatch(/"target":"cidaas","problem":"target_unavailable.*sync waits/);
    cidaas.fail(503, 0);
    await until(async () => nameAt(person!, 'family_name') === 'Geduld', 60_000);
    await quiet();
  });

  test('a legacy store that is down is told as that: feeds say so, and nobody is gone', async () => {
    await town.shop.switchTo(false);
    await until(async () => (await sync('status')).out.includes('Feed outbox of shop:'), 60_000);
    expect((await sync('status')).code).toBe(1);
    await town.shop.switchTo(true);
    // Also when nothing new has happened there.
    await until(async () => (await sync('status')).code === 0, 60_000);
    expect((await town.states()).migrated).toBe(PEOPLE);
  });

  test('a restart in the middle needs no pause, and loses nobody', async () => {
    for (const person of people) await inShop(person, 'last_name', `Neustart ${person.id}`);
    server.process.kill('SIGTERM');
    expect(await server.exited).toBe(0);
    server = await startServer(town);
    const hasAll = async () =>
      people.every((person) => nameAt(person, 'family_name') === `Neustart ${person.id}`);
    await until(hasAll, 60_000);
    await quiet();
    expect((await statusOf(town)).queue?.dead).toBe(0);
    await hear(KEY);
  });

  test('a trigger that the shop’s own release has dropped is an alarm, and is made again', async () => {
    const [row] = await town.shop.sql(
      `select tgname as name from pg_trigger where tgrelid = 'customers'::regclass and not tgisinternal limit 1`,
    );
    await town.shop.sql(`drop trigger ${row?.name} on customers`);
    const dry = await sync('install');
    expect(dry.out).toContain('Missing or wrong:');
    await until(async () => (await sync('status')).out.includes('footbridge sync install makes it'), 90_000);
    expect((await sync('status')).code).toBe(1);
    await until(async () => (await metric('footbridge_sync_feed_problem')).join().endsWith('} 1'));
    await inShop(people[5]!, 'last_name', 'Ungehoert');
    await done('install');
    // What nobody has told meanwhile is found, as both sides are read from end to end.
    await until(async () => nameAt(people[5]!, 'family_name') === 'Ungehoert', 90_000);
    await until(async () => (await sync('status')).code === 0, 60_000);
    await quiet();
  });

  test('a webhook with another secret is refused, and whoever measures sees it', async () => {
    const body = JSON.stringify({ event_type: 'ACCOUNT_MODIFIED', sub: subOf(people[0]!) });
    const headers = { 'content-type': 'application/json', 'x-api-key': 'the-secret-of-last-year' };
    const { status } = await fetch(`${server.issuer}/webhooks/cidaas`, { method: 'POST', headers, body });
    expect(status).toBe(401);
    const requests = (await metric('footbridge_request_seconds_count')).join('\n');
    expect(requests).toMatch(/route="webhooks",status="401"\} 1/);
    expect(server.output()).not.toContain('the-secret-of-last-year');
  });

  test('webhooks that were lost leave nobody behind: a reading of both sides finds them', async () => {
    const [, , , , person] = people as Person[];
    cidaas.tenant
      .byIdentifier(person!.email ?? '')!
      .identities.find(({ provider }) => provider === 'self')!.family_name = 'Verweht';
    expect((await sync('reconcile')).out).toContain('Would read both sides');
    await done('reconcile');
    await until(async () => (await atShop(town, person!.id, 'last_name')) === 'Verweht', 60_000);
    await quiet();
  });
});

describe('over HTTP', () => {
  test('nothing opens without the token, and each mistake is a problem document', async () => {
    expect((await call('status', {}, 'wrong')).status).toBe(401);
    const cases: [string, object, number, string][] = [
      ['status', { target: 'cidas' }, 409, 'sync_not_configured'],
      ['start', { execute: true }, 409, 'sync_state'],
      ['stop', { execute: true }, 409, 'sync_state'],
      ['uninstall', { execute: true }, 409, 'sync_state'],
      ['resolve', { id: '999999', keep: 'legacy', execute: true }, 404, 'conflict_not_found'],
      ['replay', {}, 400, 'bad_request'],
      ['pause', { targets: 'cidaas' }, 400, 'bad_request'],
    ];
    for (const [name, body, status, code] of cases)
      expect(await call(name, body), name).toMatchObject({ status, body: { code } });
  });
  test('it says the same as the command line', async () => {
    expect(await call('status')).toMatchObject({
      status: 200,
      body: { pairs: [{ target: 'cidaas', state: 'running', people: { equal: PEOPLE } }] },
    });
    expect(await call('pause')).toMatchObject({ status: 200, body: { executed: false, state: 'paused' } });
    expect(await call('replay', { user: 'shop:1', execute: true })).toMatchObject({
      status: 200,
      body: { executed: true, turns: 1 },
    });
    await quiet();
  });
});

describe('the end', () => {
  const report = () => join(town.data, 'equality.jws');
  test('is refused before it is drained, and while both sides differ', async () => {
    expect((await sync('stop', ['--execute'])).code).toBe(2);
    await done('drain');
    await quiet();
    await town.shop.sql('alter table customers disable trigger user');
    await inShop(people[0]!, 'last_name', 'Heimlich');
    const refused = await sync('stop', ['--execute']);
    expect([refused.code, refused.out]).toEqual([1, expect.stringContaining('cannot be stopped yet')]);
    expect(refused.out).toContain('footbridge sync resume');
    await town.shop.sql('alter table customers enable trigger user');
    await done('resume');
    await done('reconcile');
    await until(async () => nameAt(people[0]!, 'family_name') === 'Heimlich', 60_000);
    await quiet();
    await done('drain');
  });
  test('is proved by a report that anybody can check, and that nobody can change', async () => {
    const dry = await sync('stop');
    expect(dry).toMatchObject({ code: 0, out: expect.stringContaining('can be stopped') });
    await done('stop', '--out', report());
    expect((await statusOf(town)).state).toBe('stopped');
    expect((await sync('verify', [report()])).code).toBe(0);
    const forged = `${report()}.forged`;
    const [head, payload = '', signature] = readFileSync(report(), 'utf8').split('.');
    const changed = Buffer.from(payload, 'base64url').toString().replace(`"cidaas"`, `"another"`);
    writeFileSync(forged, [head, Buffer.from(changed).toString('base64url'), signature].join('.'));
    const verdict = await sync('verify', [forged]);
    expect([verdict.code, verdict.out]).toEqual([1, expect.stringContaining('no report of ours')]);
  });
  test('takes away what was made at the store, and the audit log is whole', async () => {
    expect(await sync('uninstall')).toMatchObject({ code: 0 });
    expect(await tables()).toContain('footbridge_changes');
    await done('uninstall');
    expect(await tables()).not.toContain('footbridge_changes');
    expect((await town.cli('audit', 'verify')).code).toBe(0);
    const { out } = await town.cli('audit', 'export');
    for (const what of 'installed started paused resumed conflict-decided redriven reading-asked draining stopped uninstalled'.split(
      ' ',
    ))
      expect(out).toContain(`"sync.${what}"`);
    expect(out).not.toMatch(/Annika|Wartend|@example/);
  });
});
