/**
 * Somebody asks for the end of their data in the middle of a move that is kept in sync: over the real command line, with a second
 * pair of eyes, and with everything running that could make them again.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Person } from '../../example/demo/people.ts';
import type { TwoSides } from './sync/two-sides.ts';
import { keepEqual, twoSides } from './sync/two-sides.ts';
import type { Bridge } from './zitadel/bridge.ts';
import { openBridge, subOf } from './zitadel/bridge.ts';
import { isStandIn } from './zitadel/place.ts';
import { TARGET } from './zitadel/settings.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

describe.skipIf(!isStandIn)('somebody who asks for the end of their data', () => {
  let bridge: Bridge;
  let two: TwoSides;
  let anna: Person;
  let there: string;
  beforeAll(async () => {
    bridge = await openBridge({
      change: (settings) => {
        keepEqual(settings, TARGET, { newInLegacy: 'move', newAtTarget: 'ignore' });
        settings.admin = { fourEyes: true };
      },
    });
    bridge.standIn.events.mode = 'at-once';
    two = twoSides(bridge, TARGET);
    await two.begin();
    anna = await bridge.someone();
    await two.move('first');
    await two.quiet();
    there = (await two.row(anna))?.targetUserId ?? '';
    expect(there).not.toBe('');
    expect(await two.logIn(anna, anna.password)).toBe('in');
  });
  afterAll(() => bridge?.close());

  const as = async (name: string, ...words: string[]) => {
    const before = process.env.USER;
    process.env.USER = name;
    vi.stubEnv('SUDO_USER', undefined);
    try {
      return await bridge.cli(...words);
    } finally {
      process.env.USER = before;
      vi.unstubAllEnvs();
    }
  };
  const erase = ['user', 'erase'];
  const isNowhere = async () => {
    expect(bridge.standIn.instance.users.has(there)).toBe(false);
    expect(await bridge.usersOf(anna)).toEqual([]);
    expect((await two.row(anna))?.state).toBe('deleted');
    expect(await bridge.openWork()).toEqual([]);
  };

  test('gets everything first, as data and as a page, without a secret', async () => {
    const file = join(bridge.folder, 'anna.html');
    const { code, out } = await bridge.cli('user', 'export', '--user', subOf(anna), '--html', file, '--json');
    expect(code).toBe(0);
    const { everything } = JSON.parse(out);
    expect(everything.legacy.user.email).toBe(anna.email);
    expect(everything.targets).toMatchObject([{ kind: 'found', user: { targetUserId: there } }]);
    const here = everything.here.map(({ place }: { place: string }) => place);
    expect(here).toEqual(
      expect.arrayContaining(['oidc_records', 'ledger', 'batch_users', 'sync_people', 'audit_log']),
    );
    const page = readFileSync(file, 'utf8');
    const [{ pw } = {}] = await bridge.shop.sql('select pw from customers where id = $1', [anna.id]);
    for (const text of [out, page]) {
      expect(text).toContain(anna.email);
      expect(text).not.toContain(String(pw));
      expect(text).not.toContain(anna.password);
    }
  });

  test('is erased once two people have said so, and not by one alone', async () => {
    const words = [...erase, '--user', subOf(anna), '--execute'];
    const asked = await as('mona', ...words);
    expect(asked.code).toBe(2);
    const [, id = ''] = /request (\d+)/.exec(asked.err) ?? [];
    expect(asked.err).toContain(`footbridge approval grant ${id} --execute`);
    expect((await as('Mona', 'approval', 'grant', id, '--execute')).code).toBe(2);
    expect(bridge.standIn.instance.users.has(there)).toBe(true);
    expect((await as('nils', 'approval', 'show', id)).out).toContain('Would erase');
    expect((await as('nils', 'approval', 'grant', id, '--execute')).code).toBe(0);
    const done = await as('mona', ...words);
    // The shop's own record is to be taken away by hand.
    expect(done).toMatchObject({ code: 1 });
    expect(done.out).toContain(`Delete the record ${anna.id}`);
    await isNowhere();
    expect((await as('mona', ...words)).code).toBe(2);
    const said = await bridge.sql('select input, says from approvals where state = $1', ['used']);
    expect(JSON.stringify(said)).not.toContain(subOf(anna));
  });

  test('comes back by no road, though their record is still in the shop', async () => {
    // At the old login page, and at the new one, which asks us.
    expect(['in', 'wrong']).toContain(await two.logIn(anna, anna.password));
    expect((await bridge.ownLogin(anna.login, anna.password)).kind).not.toBe('logged-in');
    // In a batch of everybody.
    const planned = await bridge.cli('batch', 'plan', '--target', TARGET, '--name', 'again', '--execute');
    expect(planned.code).toBe(0);
    await bridge.cli('batch', 'run', 'again', '--execute');
    // By sync, which hears of them from both sides.
    await two.edit(anna, 'first_name', 'Annabel');
    await two.tell({ sub: subOf(anna) });
    await bridge.cli('sync', 'reconcile', '--target', TARGET, '--execute');
    await two.quiet();
    // By an operator.
    expect((await bridge.cli('user', 'move', subOf(anna), '--target', TARGET, '--execute')).code).not.toBe(0);
    await isNowhere();
  });

  test('is gone for good once the record is, with a receipt for each time, and a log that is whole', async () => {
    await bridge.shop.sql('delete from customers where id = $1', [anna.id]);
    await two.quiet();
    bridge.settings.admin = { fourEyes: false };
    await bridge.configure(() => undefined, { setup: false });
    const { code, out } = await bridge.cli(...erase, '--user', subOf(anna), '--execute', '--json');
    expect(JSON.parse(out).left.filter(({ waits }: { waits: boolean }) => waits)).toEqual([]);
    expect(JSON.parse(out)).toMatchObject({ done: true, legacy: { did: 'gone' } });
    expect(code).toBe(0);
    await isNowhere();
    const { out: receipts } = await bridge.cli('user', 'receipts', '--user', subOf(anna), '--json');
    const kinds = JSON.parse(receipts).receipts.map(
      ({ kind, signature }: Record<string, string>) => `${kind} ${signature}`,
    );
    expect(kinds).toEqual(['erasure signed', 'erasure signed', 'export signed']);
    expect((await bridge.cli('audit', 'verify')).code).toBe(0);
    const { out: records } = await bridge.cli('audit', 'export');
    expect(records).not.toContain(subOf(anna));
    expect(records).not.toContain(anna.email);
  });
});
