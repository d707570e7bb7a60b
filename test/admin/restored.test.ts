/** What an operator says once after a restore: nothing that may have been used or ended since the backup counts any more. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { askApproval, decide } from '../../src/admin/approvals/approvals.ts';
import { invite, redeem } from '../../src/admin/console/invitations.ts';
import type { Desk } from '../../src/admin/operation.ts';
import { operations } from '../../src/admin/operations/index.ts';
import { perform } from '../../src/admin/perform.ts';
import { allStale } from '../../src/admin/restored/stale.ts';
import { checkOpen, findByText, issueClaimToken } from '../../src/migration/claim-tokens/claim-tokens.ts';
import { issueTicket, readTicket, ticketPart } from '../../src/migration/tickets.ts';
import { ensureKeys, loadKeys } from '../../src/provider/keys.ts';
import { recordKey } from '../../src/provider/record.ts';
import type { SessionStage } from './session-stage.ts';
import { now, openSessionStage } from './session-stage.ts';

const LIMITS = { sessionSeconds: 3_600, idleSeconds: 3_600 };
const restored = operations.find(({ name }) => name === 'restored')!;

let stage: SessionStage;
let desk: Desk;
beforeAll(async () => {
  stage = await openSessionStage();
  desk = Object.assign(stage.desk, { targets: { all: [{ name: 'main' }] } });
  await ensureKeys(stage.db, desk.keyring);
});
afterAll(() => stage.close());

const run = (execute: boolean) => stage.run(restored, {}, { execute });
const kinds = async () =>
  (await stage.sql('select distinct kind from oidc_records order by 1')).map(({ kind }) => kind);
const taken = (answer: Record<string, unknown>) =>
  Object.fromEntries(
    (answer.taken as { holds: string; rows: number }[]).map(({ holds, rows }) => [holds, rows]),
  );
const put = (kind: string, payload: object = {}) =>
  stage.sql(
    `insert into oidc_records (id, kind, payload, expires_at) values ($1, $2, $3, now() + interval '1 hour')`,
    [recordKey(kind, randomBytes(8).toString('hex')), kind, payload],
  );

/** A ticket of a login at this moment, and whether it is good for anything. */
function ticketOf(authTime: number) {
  const login = { sub: 'shop:anna', clientId: 'main-login', authTime, loginId: 'one' };
  const ticket = readTicket(desk.keyring, issueTicket(desk.keyring, login))!;
  return async () => {
    const [row] = await stage.db.runParts<{ unexpired: boolean }>(
      [ticketPart(ticket, 300)],
      'select * from ticket',
    );
    return row?.unexpired;
  };
}

describe('after a restore', () => {
  test('all that may have been used or have ended since is taken back, and without --execute nothing', async () => {
    await stage.session(stage.put('anna'), { clients: ['app'] });
    for (const kind of ['AuthorizationCode', 'RefreshToken', 'ClientCredentials', 'Interaction'])
      await put(kind);
    for (const kind of ['SpentInteraction', 'ReplayDetection']) await put(kind);
    await stage.sql(
      `insert into hand_overs (id, app, login, expires_at) values ('\\x01', 'forum', '{}', now() + interval '1 minute')`,
    );
    const link = await issueClaimToken(stage.db, {
      ...{ target: 'main', purpose: 'person', sub: 'shop:anna', origin: 'operator', ttlSeconds: 3_600 },
      ...{ actor: 'operator:test', subject: Buffer.alloc(32) },
    });
    const by = { actor: 'operator:test', now: new Date() };
    const used = await invite(stage.db, { name: 'mona', role: 'viewer' }, by);
    const at = { token: used.token, now: new Date() };
    expect(await redeem(stage.db, at, LIMITS)).toBeDefined();
    const open = await invite(stage.db, { name: 'nora', role: 'viewer' }, by);
    const request = await askApproval(stage.db, {
      ...{ operation: 'user erase', input: {}, digests: [randomBytes(32)], says: '', role: 'admin' },
      ...{ askedBy: 'mona', nowMs: Date.now() },
    });
    const isTicketGood = ticketOf(now());
    const cookies = (await loadKeys(stage.db, desk.keyring)).cookie;

    const would = await run(false);
    expect(taken(would)).toEqual({
      'sessions, grants, codes and tokens': 5,
      'hand-overs to and from legacy apps': 1,
      'links by which people join their accounts': 1,
      'sessions at the console': 1,
      'invitations to the console': 1,
      'approvals that were asked for or granted': 1,
    });
    expect(would.text).toContain('Nothing was changed');
    expect([await isTicketGood(), await kinds()]).toEqual([true, expect.arrayContaining(['Session'])]);
    expect(await loadKeys(stage.db, desk.keyring)).toMatchObject({ cookie: cookies });

    const done = await run(true);
    // The session went with its ending, of which its client and the app are told.
    expect(done).toMatchObject({ executed: true, sessions: 1, wrong: false });
    expect(done.deliveries).toBeGreaterThan(0);
    expect(done.text).toContain('footbridge batch verify --target main');
    expect(await kinds()).toEqual(['ReplayDetection', 'SpentInteraction']);
    expect(await isTicketGood()).toBe(false);
    const after = (await loadKeys(stage.db, desk.keyring)).cookie;
    expect(after).toHaveLength(2);
    expect(after.filter((key) => cookies.includes(key))).toEqual([]);
    expect(await redeem(stage.db, { token: open.token, now: new Date() }, LIMITS)).toBeUndefined();
    const token = await findByText(stage.db, link.text.reveal());
    expect(() => checkOpen(token)).toThrow(expect.objectContaining({ code: 'claim_token_spent' }));
    const grant = { id: request, state: 'granted' as const, by: 'bert', nowMs: Date.now() };
    await expect(decide(stage.db, grant, () => undefined)).rejects.toMatchObject({ code: 'approval_state' });

    const again = await run(false);
    expect(Object.values(taken(again)).every((rows) => rows === 0)).toBe(true);
    const [record] = await desk.audit.records({ action: 'storage.restored' });
    expect(record).toMatchObject({ actor: 'operator:test', detail: { newest: expect.any(String) } });
  });

  test('whoever logs in afterwards has a ticket that is good', async () => {
    await run(true);
    // Tickets count whole seconds.
    expect(await ticketOf(now() + 1)()).toBe(true);
    expect(await ticketOf(now() - 301)()).toBe(false);
  });

  test('many are taken back in steps, and all of them', async () => {
    await stage.sql(
      `insert into oidc_records (id, kind, payload) select sha256(n::text::bytea), 'RefreshToken', '{}' from generate_series(1, 5001) n`,
    );
    expect(taken(await run(true))).toMatchObject({ 'sessions, grants, codes and tokens': 5_001 });
    expect(await kinds()).not.toContain('RefreshToken');
  });

  test('nobody but an admin says so, and not alone', async () => {
    const asked = { input: {}, execute: true };
    const olga = { name: 'olga', role: 'operator' as const };
    await expect(perform(desk, restored, { ...asked, who: olga })).rejects.toMatchObject({
      code: 'role_needed',
    });
    const [anna, eyes] = [
      { name: 'anna', role: 'admin' as const },
      { ...desk, fourEyes: true },
    ];
    await expect(perform(eyes, restored, { ...asked, who: anna })).rejects.toMatchObject({
      code: 'approval_needed',
    });
  });
});

test('what is taken back is in tables that there are', async () => {
  const rows = await stage.sql(`select relname from pg_class where relkind = 'r'`);
  const tables = new Set(rows.map(({ relname }) => relname));
  expect(allStale.map(({ place }) => place).filter((place) => !tables.has(place))).toEqual([]);
});
