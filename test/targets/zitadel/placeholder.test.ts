import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TargetConnection } from '../../../src/targets/connection.ts';
import type { Zitadel } from '../../support/zitadel/index.ts';
import { openZitadel } from '../../support/zitadel/index.ts';
import { addIdp, connectionTo } from './connected.ts';
import { HASH, named } from './people.ts';

let zitadel: Zitadel;
let connection: TargetConnection;
let nowMs: number;

beforeEach(async () => {
  nowMs = Date.parse('2026-11-21T12:00:00Z');
  zitadel = await openZitadel({ now: () => nowMs });
  addIdp(zitadel, 'footbridge');
  connection = connectionTo(zitadel, async () => 'idp-footbridge');
});
afterEach(async () => {
  expect([zitadel.faults, zitadel.violations]).toEqual([[], []]);
  await connection.close();
  await zitadel.close();
});

const password = { encoded: HASH, format: 'bcrypt' };
const waiting = named('waiting', { placeholder: password });

describe('a user whose password is still to come', () => {
  test('is asked for one by the target, and counts here as having none', async () => {
    const [outcome] = await connection.importUsers([waiting]);
    expect(outcome).toMatchObject({ kind: 'created', stored: ['profile', 'links'] });
    expect(zitadel.instance.users.get('fb-waiting')?.password?.hash).toBe(HASH);
    expect(await connection.userById('fb-waiting')).toMatchObject({ hasPassword: false });
  });

  test('is made one by one where many are: the import in bulk could not mark them', async () => {
    const [outcome] = await connection.importUsers([waiting], { bulk: true });
    expect(outcome?.kind).toBe('created');
    expect(await connection.userById('fb-waiting')).toMatchObject({ hasPassword: false });
  });

  test('has one as soon as their own is stored', async () => {
    await connection.importUsers([waiting]);
    nowMs += 1_000;
    const found = await connection.userById('fb-waiting');
    const { stored } = await connection.complete(found!, named('waiting', { password }));
    expect(stored).toContain('password');
    expect(await connection.userById('fb-waiting')).toMatchObject({ hasPassword: true });
  });

  test('has one as soon as they set one at the target, which is never replaced', async () => {
    await connection.importUsers([waiting]);
    nowMs += 1_000;
    await connection.setPassword('fb-waiting', password);
    const found = await connection.userById('fb-waiting');
    expect(found).toMatchObject({ hasPassword: true });
    const { stored } = await connection.complete(found!, named('waiting', { password }));
    expect(stored).not.toContain('password');
  });
});

test('a real password goes before a placeholder', async () => {
  const [outcome] = await connection.importUsers([{ ...waiting, password }]);
  expect(outcome).toMatchObject({ stored: ['profile', 'password', 'links'] });
  expect(await connection.userById('fb-waiting')).toMatchObject({ hasPassword: true });
});
