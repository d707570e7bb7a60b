/** Sync from its beginning to its end, as an operator has it: install, start, follow, decide, drain, stop with proof, take away. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Desk } from '../../../src/admin/operation.ts';
import { syncInstall, syncUninstall } from '../../../src/admin/operations/sync-install.ts';
import { syncDrain, syncPause, syncResume } from '../../../src/admin/operations/sync-pause.ts';
import { syncReport, syncVerify } from '../../../src/admin/operations/sync-report.ts';
import { syncStart } from '../../../src/admin/operations/sync-start.ts';
import { syncStatus } from '../../../src/admin/operations/sync-status.ts';
import { syncStop } from '../../../src/admin/operations/sync-stop.ts';
import { FootbridgeError } from '../../../src/errors.ts';
import { loadKeys } from '../../../src/provider/keys.ts';
import { noteOpen } from '../../../src/sync/passwords/password-states.ts';
import { ownIdOf } from '../../migration/reconcile/world.ts';
import type { SyncStage } from './sync-stage.ts';
import { openSyncStage } from './sync-stage.ts';

let stage: SyncStage;
beforeAll(async () => {
  stage = await openSyncStage();
});
afterAll(() => stage.close());
beforeEach(async () => {
  await stage.begin();
  await stage.run(syncUninstall, {}, EXECUTE);
});

const EXECUTE = { execute: true };
const stateOf = async () => (await stage.sql('select state from sync_pairs'))[0]?.state;
const records = async (action: string) => stage.audit.records({ action });

async function started(people = 3) {
  await stage.people(people);
  await stage.run(syncInstall, {}, EXECUTE);
  await stage.run(syncStart, {}, EXECUTE);
  await stage.serve();
}
async function drained(people?: number) {
  await started(people);
  await stage.run(syncDrain, {}, EXECUTE);
}

describe('sync install', () => {
  test('prints the statements and makes nothing; with --execute it makes them, and again changes nothing', async () => {
    await stage.people(1);
    const dry = await stage.run(syncInstall);
    expect(dry.text).toContain('create table');
    expect(dry.text).toContain('footbridge_changes');
    expect(dry.text).toContain('Missing or wrong:');
    expect(dry.text).toContain('Nothing was changed: add --execute.');
    expect(dry.wrong).toBe(false);
    expect((await stage.directory.setups[0]!.setup.check()).length).toBeGreaterThan(0);
    for (let times = 0; times < 2; times += 1) {
      const { text, wrong } = await stage.run(syncInstall, {}, EXECUTE);
      expect(text).toContain('Everything is there.');
      expect(wrong).toBe(false);
    }
    expect(await stage.directory.setups[0]!.setup.check()).toEqual([]);
    expect((await records('sync.installed')).at(-1)).toMatchObject({
      actor: 'operator:test',
      detail: { store: 'shop' },
    });
  });

  test('knows no other store', async () => {
    const other = stage.run(syncInstall, { store: 'other' }, EXECUTE);
    await expect(other).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('sync start', () => {
  test('says what is missing, and starts nothing as long as it is', async () => {
    await stage.people(2);
    const { text, wrong, output } = await stage.run(syncStart, {}, EXECUTE);
    expect(wrong).toBe(true);
    expect(output.executed).toBe(false);
    expect(text).toMatch(/wrong {2}what shop needs is there/);
    expect(text).toContain('footbridge sync install makes it.');
    expect(text).toContain('good   the API of main answers');
    expect(text).toContain('Nothing was changed: mend what is wrong first.');
    expect(await stateOf()).toBeUndefined();
  });

  test('says whom it would compare, and begins with --execute, on record', async () => {
    await stage.people(2);
    await stage.run(syncInstall, {}, EXECUTE);
    const dry = await stage.run(syncStart);
    expect(dry.text).toContain('Would start: 2 people at main would be compared');
    expect(dry.text).toContain('Nothing was changed: add --execute.');
    expect(dry.text).toContain('every 60 minutes');
    expect(dry.text).toMatch(/shop cannot be told of .*email/);
    expect(dry.wrong).toBe(false);
    expect(await stateOf()).toBeUndefined();
    const { text } = await stage.run(syncStart, { target: 'main' }, EXECUTE);
    expect(text).toContain('Started: 2 people at main are compared');
    expect(await stateOf()).toBe('aligning');
    expect(await records('sync.started')).toHaveLength(1);
    await expect(stage.run(syncStart)).rejects.toMatchObject({
      code: 'sync_state',
      detail: 'It is aligning.',
    });
  });

  test('does not begin while the target is away, and tells it from one that is not configured', async () => {
    await stage.people(1);
    await stage.run(syncInstall, {}, EXECUTE);
    const away = {
      ...stage.memory.connection,
      users: () => Promise.reject(new FootbridgeError('target_unavailable')),
    };
    const at = { ...stage.desk, targets: { ...stage.desk.targets, connection: () => away } } as Desk;
    const { text, wrong } = await stage.run(syncStart, {}, { execute: true, at });
    expect(wrong).toBe(true);
    expect(text).toContain('The target does not answer at the moment.');
    expect(await stateOf()).toBeUndefined();
    const other = stage.run(syncStart, { target: 'other' });
    await expect(other).rejects.toMatchObject({ code: 'sync_not_configured' });
  });

  test('has changes followed and everybody compared, once a server runs', async () => {
    await started(3);
    expect(await stateOf()).toBe('running');
    const { output, text } = await stage.run(syncStatus);
    expect(output.pairs[0]).toMatchObject({
      state: 'running',
      people: { atTarget: 3, compared: 3 },
      reading: { part: null, legacyPeople: 3, targetPeople: 3 },
      queue: { live: 0, backlog: 0, dead: 0 },
    });
    expect(text).toContain('main: running, since');
    stage.edit(2, 'given', 'Berta');
    await stage.serve();
    expect(stage.memory.users.get(ownIdOf(2))?.givenName).toBe('Berta');
    expect(stage.errors).toEqual([]);
  });
});

describe('sync pause, resume and drain', () => {
  test('stop the writing and go on with it; what was heard meanwhile is not lost', async () => {
    await started(2);
    const dry = await stage.run(syncPause);
    expect(dry.text).toContain('main would be paused, and was running.');
    expect(await stateOf()).toBe('running');
    await stage.run(syncPause, {}, EXECUTE);
    stage.edit(1, 'given', 'Zoe');
    await stage.serve();
    expect(stage.memory.users.get(ownIdOf(1))?.givenName).toBe('Anna');
    const waiting = await stage.run(syncStatus);
    expect(waiting.output.pairs[0]).toMatchObject({ state: 'paused', queue: { live: 1 } });
    await stage.run(syncResume, {}, EXECUTE);
    await stage.serve();
    expect(stage.memory.users.get(ownIdOf(1))?.givenName).toBe('Zoe');
    for (const action of ['sync.paused', 'sync.resumed'])
      expect(await records(action)).toMatchObject([{ actor: 'operator:test', detail: { target: 'main' } }]);
  });

  test('are refused where there is no way', async () => {
    for (const operation of [syncPause, syncResume, syncDrain]) {
      const refused = stage.run(operation, {}, EXECUTE);
      await expect(refused).rejects.toMatchObject({ code: 'sync_state', detail: 'It is not started.' });
    }
    await started(1);
    await expect(stage.run(syncResume)).rejects.toMatchObject({ code: 'sync_state' });
  });
});

describe('sync stop', () => {
  test('is refused before it is drained', async () => {
    await started(1);
    const stop = stage.run(syncStop, {}, EXECUTE);
    await expect(stop).rejects.toMatchObject({ code: 'sync_state', detail: 'It is running.' });
  });

  test('says all that is still missing, and changes nothing', async () => {
    await drained();
    const change = { source: 'operator', target: 'main', lane: 'live', hint: {} } as const;
    await stage.queue.put([
      { ...change, id: '1', person: 'shop:1' },
      { ...change, id: '2', person: 'shop:2' },
    ]);
    const turns = await stage.queue.take({ targets: ['main'], limit: 1, leaseSeconds: 60 });
    const problem = { code: 'x', sentence: 'x' };
    await stage.queue.settle([{ turn: turns[0]!, result: 'dead', problem }]);
    await stage.sql(
      `insert into sync_conflicts (target, sub, field, kind) values ('main', 'shop:1', 'nickname', 'both-changed')`,
    );
    await noteOpen(
      stage.db,
      { target: 'main', sub: 'shop:3' },
      {
        ...{ state: 'waits', madeOf: null, problem: 'not_portable' },
      },
    );
    const { text, wrong, output } = await stage.run(syncStop, { out: stage.file('none.jws') }, EXECUTE);
    expect(wrong).toBe(true);
    expect(output.missing).toEqual([
      '1 person is still waiting for their turn: footbridge sync status',
      '1 dead letters: footbridge sync dead --target main',
      '1 conflicts are not decided: footbridge sync conflicts --target main',
      '1 person is without their newest password at the target: it is caught when they log in here (or --accept passwords).',
    ]);
    expect(text).toContain('Both sides are compared when nothing of this is left.');
    expect(await stateOf()).toBe('draining');
    expect(existsSync(stage.file('none.jws'))).toBe(false);
    expect(await stage.sql('select 1 from sync_reports')).toEqual([]);
  });

  test('without --execute compares, says that it could, and leaves everything as it is', async () => {
    await drained();
    const { text, wrong, output } = await stage.run(syncStop);
    expect(wrong).toBe(false);
    expect(output.reconciliation.people).toMatchObject({ people: 3, equal: 3 });
    expect(text).toContain('Both sides are equal: main can be stopped. Nothing was changed: add --execute.');
    expect(await stateOf()).toBe('draining');
  });

  test('signs a report that anybody can verify with /jwks, keeps it, and stops', async () => {
    await drained();
    await stage.audit.seal();
    const { text, wrong, output } = await stage.run(syncStop, { out: stage.file('stop.jws') }, EXECUTE);
    expect(wrong).toBe(false);
    expect(await stateOf()).toBe('stopped');
    expect(text).toContain('main is stopped.');
    expect(text).toContain('footbridge sync uninstall');
    const { signing } = await loadKeys(stage.db, stage.keyring);
    const keys = signing.map(({ kty, n, e, crv, x, y, kid, alg }) => ({ kty, n, e, crv, x, y, kid, alg }));
    const jws = readFileSync(stage.file('stop.jws'), 'utf8').trim();
    expect(statSync(stage.file('stop.jws')).mode & 0o077).toBe(0);
    const { payload } = await jwtVerify(jws, createLocalJWKSet({ keys: JSON.parse(JSON.stringify(keys)) }));
    expect(payload).toEqual(JSON.parse(JSON.stringify(output.report)));
    expect(payload).toMatchObject({
      type: 'footbridge-sync-equality',
      ...{ target: 'main', targetKind: 'zitadel', actor: 'operator:test', softwareVersion: '1.2.3' },
      ...{ ledger: { migrated: 3 }, accepted: [] },
      queue: { live: 0, backlog: 0, dead: 0 },
      reconciliation: { people: { people: 3, equal: 3 }, differences: { total: 0 } },
      feeds: [{ store: 'shop', feed: 'outbox' }],
      auditHead: { seq: expect.any(String) },
    });
    expect(JSON.stringify(payload)).not.toContain('example.com');
    expect((await records('sync.stopped'))[0]?.detail).toMatchObject({
      target: 'main',
      checksum: output.report.checksum,
    });
  });

  test('compares everybody, and is not fooled by an earlier comparison that was cut off', async () => {
    await drained();
    const { directory } = stage.desk;
    const entries = () => {
      throw new FootbridgeError('legacy_unavailable');
    };
    const away = { ...stage.desk, directory: { ...directory, entries } } as Desk;
    await expect(stage.run(syncStop, {}, { execute: true, at: away })).rejects.toMatchObject({
      code: 'legacy_unavailable',
    });
    stage.memory.users.get(ownIdOf(2))!.familyName = 'Changed';
    const { wrong, output, text } = await stage.run(syncStop, {}, EXECUTE);
    expect(wrong).toBe(true);
    expect(output.missing).toHaveLength(1);
    expect(text).toContain('1 differences are changed-right (familyName)');
    expect(text).toContain('main cannot be stopped yet:');
    expect(await stateOf()).toBe('draining');
  });

  test.each([
    ['changed-right', 'stopped'],
    ['changed-right:familyName', 'stopped'],
    ['changed-right:familyName, extra', 'stopped'],
    ['changed-right:email', 'draining'],
    ['changed-left', 'draining'],
  ])('with --accept %s it is %s', async (accept, state) => {
    await drained();
    stage.memory.users.get(ownIdOf(2))!.familyName = 'Changed';
    const { output } = await stage.run(syncStop, { accept }, EXECUTE);
    expect(await stateOf()).toBe(state);
    if (state === 'stopped') expect(output.report.accepted).toEqual(accept.split(', '));
  });

  test.each(['everything', 'changed-right:nothing', 'extra:email:x', 'unreadable:email'])(
    'does not know --accept %s',
    async (accept) => {
      await expect(stage.run(syncStop, { accept })).rejects.toThrow('expected kinds of differences');
    },
  );

  test('is refused when something is heard while everybody is compared', async () => {
    await drained();
    const { connection } = stage.memory;
    const users: typeof connection.users = async (options) => {
      const change = { source: 'target:main', target: 'main', lane: 'live', hint: {} } as const;
      await stage.queue.put([{ ...change, id: `late ${options.after ?? ''}`, person: 'shop:1' }]);
      return connection.users!(options);
    };
    const targets = { ...stage.desk.targets, connection: () => ({ ...connection, users }) };
    const { output } = await stage.run(
      syncStop,
      {},
      { execute: true, at: { ...stage.desk, targets } as Desk },
    );
    expect(output.missing).toEqual(['1 person is still waiting for their turn: footbridge sync status']);
    expect(await stateOf()).toBe('draining');
  });

  test('ends nothing that it cannot sign', async () => {
    await drained();
    const { reconcile } = stage.desk;
    const signReport = () => Promise.reject(new FootbridgeError('config_invalid'));
    const at = { ...stage.desk, reconcile: { ...reconcile!, signReport } } as Desk;
    await expect(stage.run(syncStop, {}, { execute: true, at })).rejects.toMatchObject({
      code: 'config_invalid',
    });
    expect(await stateOf()).toBe('draining');
    expect(await stage.sql('select 1 from sync_reports')).toEqual([]);
  });
});

describe('sync report and sync verify', () => {
  async function stopped(): Promise<string> {
    await drained();
    await stage.run(syncStop, { out: stage.file('kept.jws') }, EXECUTE);
    return readFileSync(stage.file('kept.jws'), 'utf8').trim();
  }

  test('print the last one and write it as it was signed', async () => {
    const jws = await stopped();
    const { text, output } = await stage.run(syncReport, { out: stage.file('again.jws') });
    expect(text).toContain('main: sync ended');
    expect(text).toContain('3 migrated');
    expect(output.jws).toBe(jws);
    expect(readFileSync(stage.file('again.jws'), 'utf8').trim()).toBe(jws);
    const { text: verdict, wrong } = await stage.run(syncVerify, { file: stage.file('again.jws') });
    expect(wrong).toBe(false);
    expect(verdict).toContain('Signed by this provider, and unchanged since.');
    expect(verdict).toContain('The checksum is right: ');
    expect(verdict).toContain('It is kept in our database as well.');
  });

  test('say that there is none', async () => {
    await expect(stage.run(syncReport)).rejects.toMatchObject({ code: 'not_found' });
  });

  test('find out what was changed, and what is none at all', async () => {
    const jws = await stopped();
    const [head, body, signature] = jws.split('.') as [string, string, string];
    const forged = Buffer.from(body, 'base64url').toString().replace('"migrated":3', '"migrated":4');
    const unsigned = Buffer.from(JSON.stringify({ alg: 'none', kid: 'x' })).toString('base64url');
    const texts = {
      'tampered.jws': [head, Buffer.from(forged).toString('base64url'), signature].join('.'),
      'none.jws': `${unsigned}.${Buffer.from(forged).toString('base64url')}.`,
      'words.jws': 'both sides are equal, believe me',
      'empty.jws': '',
      'cut.jws': jws.slice(0, -20),
    };
    for (const [name, text] of Object.entries(texts)) {
      writeFileSync(stage.file(name), text);
      const { wrong, output } = await stage.run(syncVerify, { file: stage.file(name) });
      expect([name, wrong, output.report]).toEqual([name, true, null]);
    }
  });

  test('take no other document that the provider has signed', async () => {
    await stopped();
    const jws = await stage.desk.reconcile!.signReport({
      type: 'footbridge-reconciliation',
      version: 1,
      id: 'x',
    });
    writeFileSync(stage.file('other.jws'), jws);
    const { wrong, output } = await stage.run(syncVerify, { file: stage.file('other.jws') });
    expect(wrong).toBe(true);
    expect(output.signature).toBe('forged');
  });

  test('know one whose key is gone by what is kept, and no other', async () => {
    await stopped();
    const kept = await stage.sql('delete from provider_keys returning *');
    const verdict = await stage.run(syncVerify, { file: stage.file('kept.jws') });
    expect(verdict.wrong).toBe(false);
    expect(verdict.output.signature).toBe('kept');
    await stage.sql('truncate sync_reports');
    const unknown = await stage.run(syncVerify, { file: stage.file('kept.jws') });
    expect(unknown.wrong).toBe(true);
    expect(unknown.output).toMatchObject({ signature: 'unknown-key', report: null });
    for (const row of kept)
      await stage.sql(
        'insert into provider_keys (kid, purpose, state, sealed, created_at, state_since) values ($1, $2, $3, $4, $5, $6)',
        [row.kid, row.purpose, row.state, row.sealed, row.created_at, row.state_since],
      );
    const other = await stage.run(syncVerify, { file: stage.file('kept.jws') });
    expect(other.output).toMatchObject({ signature: 'signed', isKept: false, isGood: true });
  });

  test('read and write files on the command line only, and say which cannot be read', async () => {
    const { files: _, ...remote } = stage.desk;
    const at = remote as Desk;
    const refused = { code: 'bad_request' };
    await expect(stage.run(syncVerify, { file: '/etc/passwd' }, { at })).rejects.toMatchObject(refused);
    await expect(stage.run(syncReport, { out: 'x' }, { at })).rejects.toMatchObject(refused);
    await expect(stage.run(syncStop, { out: 'x' }, { at })).rejects.toMatchObject(refused);
    await expect(stage.run(syncVerify, { file: stage.file('no such') })).rejects.toMatchObject(refused);
  });
});

describe('sync uninstall', () => {
  test('is refused as long as anything is kept equal', async () => {
    await started(1);
    const live = stage.run(syncUninstall, {}, EXECUTE);
    await expect(live).rejects.toMatchObject({
      code: 'sync_state',
      detail: 'main is running: drain and stop it first.',
    });
  });

  test('takes everything away after the end, and a new beginning begins anew', async () => {
    await drained(2);
    await stage.run(syncStop, {}, EXECUTE);
    const dry = await stage.run(syncUninstall);
    expect(dry.text).toContain('Would take away at shop');
    expect(await stage.directory.setups[0]!.setup.check()).toEqual([]);
    await stage.run(syncUninstall, {}, EXECUTE);
    expect((await stage.directory.setups[0]!.setup.check()).length).toBeGreaterThan(0);
    expect(await stage.sql('select 1 from sync_feeds')).toEqual([]);
    await stage.run(syncInstall, {}, EXECUTE);
    await stage.run(syncStart, {}, EXECUTE);
    await stage.serve();
    stage.edit(1, 'given', 'Again');
    await stage.serve();
    expect(stage.memory.users.get(ownIdOf(1))?.givenName).toBe('Again');
  });
});
