/** What an operator sees of sync and does in its middle: status, conflicts, dead letters, turns by hand, one person. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Desk } from '../../../src/admin/operation.ts';
import { syncConflicts } from '../../../src/admin/operations/sync-conflicts.ts';
import { syncDead } from '../../../src/admin/operations/sync-dead.ts';
import { syncInstall } from '../../../src/admin/operations/sync-install.ts';
import { syncReconcile } from '../../../src/admin/operations/sync-reconcile.ts';
import { syncRedrive } from '../../../src/admin/operations/sync-redrive.ts';
import { syncReplay } from '../../../src/admin/operations/sync-replay.ts';
import { syncResolve } from '../../../src/admin/operations/sync-resolve.ts';
import { syncStart } from '../../../src/admin/operations/sync-start.ts';
import { syncStatus } from '../../../src/admin/operations/sync-status.ts';
import { syncUser } from '../../../src/admin/operations/sync-user.ts';
import { userShow } from '../../../src/admin/operations/user-show.ts';
import { FootbridgeError } from '../../../src/errors.ts';
import { openMetrics } from '../../../src/observability/metrics.ts';
import { syncGauges } from '../../../src/sync/overview.ts';
import { leaseSweep } from '../../../src/sync/pairs.ts';
import { noteOpen } from '../../../src/sync/passwords/password-states.ts';
import type { ChangeQueue } from '../../../src/sync/queue/change-queue.ts';
import { ownIdOf } from '../../migration/reconcile/world.ts';
import type { SyncStage } from './sync-stage.ts';
import { openSyncStage } from './sync-stage.ts';

let stage: SyncStage;
beforeAll(async () => {
  stage = await openSyncStage({ pairs: [{ target: 'other', fields: { email: 'never', state: 'legacy' } }] });
  await stage.run(syncInstall, {}, EXECUTE);
});
afterAll(() => stage.close());
beforeEach(() => stage.begin());

const EXECUTE = { execute: true };
const MAIN = { target: 'main' };

async function started(people = 3) {
  await stage.people(people);
  await stage.run(syncStart, MAIN, EXECUTE);
  await stage.serve();
}

/** Both sides have changed the nickname of the second one. */
async function conflicting(legacy = 'of the store', target = 'of the target') {
  await started();
  stage.memory.users.get(ownIdOf(2))!.nickname = target;
  stage.edit(2, 'nick', legacy);
  await stage.serve();
  const { output } = await stage.run(syncConflicts, MAIN);
  return output.conflicts[0]?.id as string;
}

/** People whose turns were given up. */
async function dead(...people: readonly string[]) {
  await stage.queue.put(
    people.map((person) => ({ source: 'operator', id: person, ...MAIN, person, lane: 'live', hint: {} })),
  );
  const turns = await stage.queue.take({ targets: ['main'], limit: 100, leaseSeconds: 60 });
  const problem = { code: 'target_refused: \u001b[31mred', sentence: 'The target refused it.' };
  await stage.queue.settle(turns.map((turn) => ({ turn, result: 'dead', problem })));
}

const awayQueue = (): ChangeQueue => {
  const away = () => Promise.reject(new FootbridgeError('storage_unavailable'));
  return { ...stage.queue, stats: away, dead: away };
};
const atAway = () => ({ ...stage.desk, sync: { ...stage.desk.sync!, queue: awayQueue() } }) as Desk;

describe('sync status', () => {
  test('before anything was started says so, for every target, and is not wrong', async () => {
    await stage.people(2);
    const { text, wrong, output, page } = await stage.run(syncStatus);
    expect(output.pairs.map((one: { target: string }) => one.target)).toEqual(['main', 'other']);
    expect(text).toContain('main: not started');
    expect(text).toContain('footbridge sync start says what it would do');
    expect(text).toMatch(/shop +outbox +0 +not begun/);
    expect(wrong).toBe(false);
    expect(page).toContain('<title>Kept equal: main, other</title>');
  });

  test('shows state, both readings, lanes, feeds and who is equal', async () => {
    await started();
    const { text, output, wrong } = await stage.run(syncStatus, MAIN);
    expect(output.pairs).toHaveLength(1);
    expect(text).toMatch(/^main: running, since \d{4}-\d{2}-\d{2} \d{2}:\d{2} UTC by operator:test$/m);
    expect(text).toContain('3 people are at main by the ledger; 3 compared');
    expect(text).toMatch(/3 {2}█{20} +100 % {2}the legacy store/);
    expect(text).toMatch(/3 {2}█{20} +100 % {2}the target/);
    expect(text).toMatch(/shop +outbox +0 /);
    expect(text).toMatch(/0 under way, 0 waiting for another try, 0 dead letters\./);
    expect(text).toMatch(/shop cannot be told of email, phone, locale, state, roles, password:/);
    expect(wrong).toBe(false);
  });

  test('leaves out what the settings never write back', async () => {
    const { output } = await stage.run(syncStatus);
    const [main, other] = output.pairs as { unwritten: { fields: string[] }[] }[];
    expect(main!.unwritten[0]?.fields).toContain('email');
    expect(other!.unwritten[0]?.fields).not.toContain('email');
    expect(other!.unwritten[0]?.fields).not.toContain('state');
    expect(main!.unwritten[0]?.fields).not.toContain('nickname');
  });

  test('is wrong while a dead letter, a conflict or a feed waits for somebody, and names the command', async () => {
    await conflicting();
    const open = await stage.run(syncStatus, MAIN);
    expect(open.wrong).toBe(true);
    expect(open.text).toContain('1 conflict to be decided: footbridge sync conflicts --target main');
    await dead('shop:1');
    expect((await stage.run(syncStatus, MAIN)).text).toContain(
      '1 dead letter: footbridge sync dead --target main',
    );
    await stage.begin();
    await started();
    expect((await stage.run(syncStatus, MAIN)).wrong).toBe(false);
    await stage.sql(
      `update sync_feeds set problem = '{"code": "legacy_unavailable", "detail": "ECONNREFUSED shop-db"}'`,
    );
    const { wrong, text } = await stage.run(syncStatus, MAIN);
    expect(wrong).toBe(true);
    expect(text).toContain(
      'Feed outbox of shop: The legacy user store cannot be asked at the moment. (ECONNREFUSED shop-db)',
    );
  });

  test('tells of passwords by where they are newer', async () => {
    await started();
    await noteOpen(
      stage.db,
      { ...MAIN, sub: 'shop:1' },
      { state: 'waits', madeOf: null, problem: 'not_portable' },
    );
    const { text } = await stage.run(syncStatus, MAIN);
    expect(text).toContain(
      '1 passwords are newer in the legacy store, and wait to be caught for the target (not_portable).',
    );
  });

  test('tells all the rest while the queue is away', async () => {
    await started();
    const { text, wrong, output } = await stage.run(syncStatus, MAIN, { at: atAway() });
    expect(output.pairs[0]).toMatchObject({ queue: null, people: { compared: 3 } });
    expect(text).toContain('The queue does not answer at the moment.');
    expect(wrong).toBe(true);
  });

  test('is a page that asks nobody for anything, and has nobody’s name on it', async () => {
    await conflicting();
    const { page = '' } = await stage.run(syncStatus, MAIN);
    expect(page).toContain("default-src 'none'; style-src 'unsafe-inline'");
    expect(page).not.toMatch(/https?:|src=|<script|url\(|@import/);
    expect(page).not.toMatch(/shop:\d|@example|of the store/);
    expect(page).toContain('<rect class="equal"');
    expect(page).toContain('Legacy store: 3 people, 100 %');
  });

  test('knows no target that is not kept equal', async () => {
    const unknown = { code: 'sync_not_configured' };
    await expect(stage.run(syncStatus, { target: 'nowhere' })).rejects.toMatchObject(unknown);
    const none = { ...stage.desk, sync: { ...stage.desk.sync!, settings: { ...stage.settings, pairs: [] } } };
    await expect(stage.run(syncStatus, {}, { at: none as Desk })).rejects.toMatchObject(unknown);
    await expect(stage.run(syncDead)).rejects.toMatchObject({
      code: 'bad_request',
      detail: 'Which target? Name one with --target: main, other',
    });
  });
});

test('whoever measures sees the same as sync status', async () => {
  await conflicting();
  await dead('shop:1');
  const metrics = openMetrics();
  const names = stage.settings.pairs.map(({ target }) => target);
  metrics.watch({ sync: () => syncGauges({ db: stage.db, queue: stage.queue }, names) });
  const text = await metrics.registry.metrics();
  for (const line of [
    'footbridge_sync_state{target="main",state="running"} 1',
    'footbridge_sync_state{target="other",state="not-started"} 1',
    'footbridge_sync_dead{target="main"} 1',
    'footbridge_sync_conflicts_open{target="main",kind="both-changed"} 1',
    'footbridge_sync_feed_problem{store="shop",feed="outbox"} 0',
  ])
    expect(text).toContain(line);
  expect(await syncGauges({ db: stage.db, queue: awayQueue() }, [])).toEqual({ pairs: [], feeds: [] });
});

describe('sync conflicts and sync resolve', () => {
  test('list what somebody has to decide, without a value', async () => {
    const id = await conflicting();
    const { text, output } = await stage.run(syncConflicts, MAIN);
    expect(text).toMatch(new RegExp(`^${id}  shop:2  nickname  both-changed  .*to be decided$`, 'm'));
    expect(JSON.stringify([text, output])).not.toContain('of the store');
    expect(await stage.audit.records({ action: 'sync.values-shown' })).toEqual([]);
    const none = await stage.run(syncConflicts, { ...MAIN, user: 'shop:1' });
    expect(none.text).toBe('There is no conflict at main.');
  });

  test('show values only to whom the audit log names', async () => {
    const id = await conflicting('a\u0000b \u202ex'.replaceAll('\0', ''), '\u001b[2J');
    const { text } = await stage.run(syncConflicts, { ...MAIN, showValues: true });
    expect(text).toContain('    legacy: "ab  x"');
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
    const [record] = await stage.audit.records({
      action: 'sync.values-shown',
      newestFirst: true,
      sub: 'shop:2',
    });
    expect(record).toMatchObject({ actor: 'operator:test', detail: { target: 'main', conflicts: [id] } });
  });

  test.each([
    ['legacy', 'of the store'],
    ['target', 'of the target'],
  ] as const)('decided for %s, the value is written in the person’s next turn, once', async (keep, value) => {
    const id = await conflicting();
    const dry = await stage.run(syncResolve, { id, keep });
    expect(dry.text).toContain('Would decide');
    await stage.serve();
    expect((await stage.run(syncConflicts, MAIN)).output.conflicts).toHaveLength(1);
    const { text } = await stage.run(syncResolve, { id, keep }, EXECUTE);
    expect(text).toContain('It is written in their next turn.');
    // Said again, as after a kill between the two steps: nothing else comes of it.
    await stage.run(syncResolve, { id, keep }, EXECUTE);
    const all = await stage.run(syncConflicts, { ...MAIN, all: true });
    expect(all.text).toContain('by somebody; it is done in their next turn');
    await stage.serve();
    expect(stage.memory.users.get(ownIdOf(2))?.nickname).toBe(value);
    const entry = await stage.directory.findBySub('shop:2');
    expect(entry?.user.nickname).toBe(value);
    const { output } = await stage.run(syncStatus, MAIN);
    expect(output.pairs[0]).toMatchObject({ open: [], decided: { byPeople: 1, byRule: 0, byThemselves: 0 } });
    expect(await stage.audit.records({ action: 'sync.conflict-decided', sub: 'shop:2' })).not.toEqual([]);
    expect(stage.errors).toEqual([]);
  });

  test('a decision is not taken twice, and not for what is none', async () => {
    const id = await conflicting();
    await stage.run(syncResolve, { id, keep: 'target' }, EXECUTE);
    const unknown = { code: 'conflict_not_found' };
    await expect(stage.run(syncResolve, { id, keep: 'legacy' }, EXECUTE)).rejects.toMatchObject(unknown);
    for (const other of ['0', '999999', 'x', '1; drop table', '9'.repeat(30)])
      await expect(stage.run(syncResolve, { id: other, keep: 'legacy' })).rejects.toMatchObject(unknown);
    await expect(stage.run(syncResolve, { id, keep: 'both' })).rejects.toThrow();
  });

  test('both sides that become equal by themselves leave nothing to decide', async () => {
    const id = await conflicting();
    stage.edit(2, 'nick', 'of the target');
    await stage.serve();
    const { output } = await stage.run(syncStatus, MAIN);
    expect(output.pairs[0]).toMatchObject({ open: [], decided: { byThemselves: 1, byPeople: 0 } });
    await expect(stage.run(syncResolve, { id, keep: 'legacy' }, EXECUTE)).rejects.toMatchObject({
      code: 'conflict_not_found',
    });
  });
});

describe('dead letters', () => {
  test('are listed with their reason, and are wrong', async () => {
    await started();
    expect(await stage.run(syncDead, MAIN)).toMatchObject({
      wrong: false,
      text: 'There are no dead letters at main.',
    });
    await dead('shop:1', 'shop:2');
    const { text, wrong } = await stage.run(syncDead, MAIN);
    expect(wrong).toBe(true);
    expect(text).toMatch(
      /^shop:1 {2}target_refused: {1,2}\[31mred: The target refused it\. {2}1 tries since/m,
    );
    expect(text).toContain('footbridge sync redrive --target main');
    expect((await stage.run(syncDead, { ...MAIN, limit: '1' })).text).toContain('… and 1 more.');
  });

  test('get another turn, one or all of them, with --execute only', async () => {
    await started();
    await dead('shop:1', 'shop:2', 'shop:3');
    const one = await stage.run(syncRedrive, { ...MAIN, user: 'shop:2' });
    expect(one.text).toBe('1 person would get another turn at main. Nothing was changed: add --execute.');
    expect((await stage.run(syncDead, MAIN)).output.all).toBe(3);
    expect((await stage.run(syncRedrive, { ...MAIN, user: 'shop:2' }, EXECUTE)).text).toBe(
      '1 person gets another turn at main.',
    );
    expect((await stage.run(syncRedrive, MAIN)).output.letters).toBe(2);
    expect((await stage.run(syncRedrive, MAIN, EXECUTE)).text).toBe('2 people get another turn at main.');
    await stage.serve();
    expect((await stage.run(syncDead, MAIN)).wrong).toBe(false);
    const nobody = await stage.run(syncRedrive, { ...MAIN, user: 'shop:2' }, EXECUTE);
    expect(nobody.text).toBe('There is no such dead letter at main.');
    expect(await stage.audit.records({ action: 'sync.redriven', sub: 'shop:2' })).toHaveLength(1);
  });
});

describe('sync replay', () => {
  test('gives a turn to everybody of whom something was heard in that time', async () => {
    await started();
    stage.edit(1, 'given', 'Zoe');
    await stage.serve();
    // As if what was written had been lost at the target.
    stage.memory.users.get(ownIdOf(1))!.givenName = 'Lost';
    const dry = await stage.run(syncReplay, { ...MAIN, since: '1h' });
    expect(dry.text).toMatch(
      /^Would give a turn at main to everybody of whom something was heard from .* Nothing was/,
    );
    await stage.serve();
    expect((await stage.run(syncStatus, MAIN)).output.pairs[0].queue.backlog).toBe(0);
    const { text, output } = await stage.run(syncReplay, { ...MAIN, since: '1h' }, EXECUTE);
    expect(output.turns).toBe(3);
    expect(text).toMatch(/^At main 3 people get a turn/);
    const earlier = await stage.run(
      syncReplay,
      { ...MAIN, since: '2020-01-01', until: '2020-01-02' },
      EXECUTE,
    );
    expect(earlier.output.turns).toBe(0);
  });

  test('gives one person a turn, also when said again', async () => {
    await started();
    const { text } = await stage.run(syncReplay, { ...MAIN, user: 'user-2' });
    expect(text).toBe('Would give a turn at main to shop:2. Nothing was changed: add --execute.');
    for (let times = 0; times < 2; times += 1) {
      const done = await stage.run(syncReplay, { ...MAIN, user: 'user-2' }, EXECUTE);
      expect(done.text).toBe('At main 1 person gets a turn: shop:2.');
    }
    expect(await stage.audit.records({ action: 'sync.replayed', sub: 'shop:2' })).toHaveLength(2);
  });

  test.each([
    {},
    { since: '1h', user: 'shop:1' },
    { user: 'shop:1', until: '1h' },
    { since: 'yesterday' },
    { since: '2026-02-31' },
  ])('refuses %j', async (input) => {
    await expect(stage.run(syncReplay, { ...MAIN, ...input })).rejects.toThrow();
  });

  test('refuses a time that ends before it begins', async () => {
    const turned = stage.run(syncReplay, { ...MAIN, since: '1h', until: '2h' });
    await expect(turned).rejects.toMatchObject({ code: 'bad_request' });
  });
});

describe('sync reconcile', () => {
  test('has both sides read now, and says what the last reading found', async () => {
    await started();
    stage.memory.users.get(ownIdOf(3))!.givenName = 'Nobody told';
    const dry = await stage.run(syncReconcile, MAIN);
    expect(dry.text).toMatch(
      /^Last done .* UTC: 3 people in the legacy store and 3 at main were read; 6 turns came of it\.\n/,
    );
    await stage.serve();
    expect((await stage.directory.findBySub('shop:3'))?.user.givenName).toBe('Anna');
    await stage.run(syncReconcile, MAIN, EXECUTE);
    expect((await stage.run(syncStatus, MAIN)).text).toContain('Asked for again; last done');
    await stage.serve();
    expect((await stage.directory.findBySub('shop:3'))?.user.givenName).toBe('Nobody told');
    expect(await stage.audit.records({ action: 'sync.reading-asked' })).not.toEqual([]);
  });

  test('is refused while both are being read, and where nothing is read', async () => {
    const refused = { code: 'sync_state' };
    await expect(stage.run(syncReconcile, MAIN, EXECUTE)).rejects.toMatchObject(refused);
    await started();
    await stage.run(syncReconcile, MAIN, EXECUTE);
    await leaseSweep(stage.db, 'main', 'somebody');
    await expect(stage.run(syncReconcile, MAIN, EXECUTE)).rejects.toMatchObject(refused);
  });
});

describe('sync user', () => {
  test('tells field by field who leads and what is known, without a value', async () => {
    await conflicting();
    await dead('shop:2');
    await noteOpen(
      stage.db,
      { ...MAIN, sub: 'shop:2' },
      { state: 'at-target', madeOf: null, problem: 'caught_at_login' },
    );
    const { text, output } = await stage.run(syncUser, { ...MAIN, user: 'user-2' });
    expect(text).toContain('shop:2 at main');
    expect(text).toContain(`ledger   migrated as ${ownIdOf(2)}`);
    expect(text).toMatch(/^ {2}nickname +ask +yes/m);
    expect(text).toMatch(/^ {2}givenName +last-writer +yes/m);
    expect(text).toMatch(/the password at the target is newer since .* UTC \(caught_at_login\)/);
    expect(text).toMatch(/dead letter since .* after 1 tries: target_refused/);
    expect(text).toMatch(/conflict \d+: nickname, both-changed, .*, to be decided/);
    expect(JSON.stringify([text, output])).not.toMatch(/of the store|of the target|Anna|example\.com/);
  });

  test('says what is on its way, and what a side does not keep', async () => {
    await started();
    await stage.sql(
      `update sync_people set intended = '{"target": {"givenName": "ab"}}',
        base = base || jsonb_build_object('refused', jsonb_build_object('locale', jsonb_build_object('pair', 'x', 'tries', 3, 'untilMs', 1790000000000)))
       where sub = 'shop:1'`,
    );
    const { text } = await stage.run(syncUser, { ...MAIN, user: 'shop:1' });
    expect(text).toMatch(/^ {2}givenName .*on its way to target/m);
    expect(text).toMatch(/^ {2}locale .*not kept there; tried again 2026-09-21/m);
  });

  test('knows nothing of somebody nobody has looked at, and tells the rest while the queue is away', async () => {
    await stage.people(1);
    const { text } = await stage.run(syncUser, { ...MAIN, user: 'shop:1' });
    expect(text).toContain('nobody has looked at them yet');
    expect((await stage.run(syncUser, { ...MAIN, user: 'shop:77' })).text).toContain(
      'legacy (never seen here)',
    );
    const away = await stage.run(syncUser, { ...MAIN, user: 'shop:1' }, { at: atAway() });
    expect(away.text).toContain('The queue does not answer');
  });
});

describe('user show', () => {
  test('has a line for each target with which somebody is kept equal', async () => {
    await conflicting();
    await stage.sql(`update sync_people set gone_since = '2026-11-22 05:00Z' where sub = 'shop:2'`);
    await noteOpen(
      stage.db,
      { ...MAIN, sub: 'shop:2' },
      { state: 'waits', madeOf: null, problem: 'not_portable' },
    );
    const { text } = await stage.run(userShow, { user: 'shop:2' });
    expect(text).toMatch(
      /^ {2}sync {7}with main: \d+ fields known to be equal; gone at one side since 2026-11-22 05:00 UTC; the newer legacy password waits since .* UTC \(not_portable\); 1 conflicts to be decided \(sync conflicts --user shop:2\)$/m,
    );
    expect(text).not.toContain('with other');
  });

  test('has none where nothing is kept equal', async () => {
    await stage.people(1);
    const { sync: _, ...desk } = stage.desk;
    const { text } = await stage.run(userShow, { user: 'shop:1' }, { at: desk as Desk });
    expect(text).not.toContain('  sync ');
  });
});
