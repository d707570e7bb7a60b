/** What somebody may ask for of their own data: all of it, and the end of it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tracesOf } from '../../../src/admin/data-protection/places.ts';
import type { Desk, Operation } from '../../../src/admin/operation.ts';
import { claimIssue } from '../../../src/admin/operations/claim-issue.ts';
import { userErase } from '../../../src/admin/operations/user-erase.ts';
import { userExport } from '../../../src/admin/operations/user-export.ts';
import { userReceipts } from '../../../src/admin/operations/user-receipts.ts';
import { FootbridgeError } from '../../../src/errors.ts';
import type { Directory } from '../../../src/legacy/directory.ts';
import { claimTokensSettings } from '../../../src/migration/claim-tokens/claim-settings.ts';
import { opSessionParts } from '../../../src/provider/ending.ts';
import { ensureKeys } from '../../../src/provider/keys.ts';
import { openEndings } from '../../../src/sessions/ending/endings.ts';
import type { Db } from '../../../src/store/db.ts';
import type { MovingStage } from '../../migration/moving/stage.ts';
import { OLD, openMovingStage, person, request } from '../../migration/moving/stage.ts';
import { statementsOf } from './one-of-each.ts';

let stage: MovingStage;
let desk: Desk;
/** The legacy store takes people out, as its settings say. */
let removing: Directory;
const removed: string[] = [];
beforeAll(async () => {
  stage = await openMovingStage();
  const { db, keyring, audit, passwords, targets, mover } = stage;
  await ensureKeys(db, keyring);
  const directory: Directory = {
    ...stage.directory,
    forget: () => undefined,
    legacyIdOf: (sub) => sub.slice(5),
  };
  removing = {
    ...directory,
    applies: () => ({ fields: new Set(), password: undefined, removes: true }),
    apply: async (sub) => {
      removed.push(sub);
      stage.remove(sub);
      return 'applied';
    },
  };
  desk = {
    ...{ db, keyring, audit, directory, passwords, targets, mover },
    endings: openEndings({
      db,
      recipients: { clients: [], apps: [], appsByPerson: [], targets: [] },
      opSessions: opSessionParts,
      settings: { logoutEnds: 'session' },
      pseudonym: audit.pseudonym,
      kick: () => undefined,
    }),
    claimTokens: claimTokensSettings.parse([{ target: 'main' }]),
    issuer: 'https://id.example.com',
    actor: 'operator:olga',
  } as unknown as Desk;
});
afterAll(() => stage?.close());

interface Ran extends Record<string, unknown> {
  readonly text: string;
  readonly wrong: boolean;
}
async function run(operation: Operation, input: object, at: Desk = desk, execute = true): Promise<Ran> {
  const output = await operation.run(at, operation.input.parse(input) as never, { execute });
  return {
    ...(output as object),
    text: operation.print(output),
    wrong: operation.foundWrong?.(output) ?? false,
  };
}
const erase = (sub: string, at: Desk = desk) => run(userErase, { user: sub }, at);
const there = (sub: string) => stage.zitadel.instance.users.get(stage.idOf(sub));
async function moved(id: string): Promise<string> {
  const sub = await stage.someone(id);
  await stage.mover.move(request(sub));
  expect((await stage.row(sub))?.state).toBe('migrated');
  return sub;
}
const placesOf = async (sub: string) => (await tracesOf(desk, sub)).map(({ place }) => place).sort();
const STAYS = ['audit_log', 'ledger', 'receipts'];
const withTargets = (connection: object): Desk => ({
  ...desk,
  targets: {
    ...desk.targets,
    connection: () => ({ ...stage.targets.connection('main'), ...connection }) as never,
  },
});
const away = () => Promise.reject(new FootbridgeError('target_unavailable'));

describe('an export', () => {
  test('has everything on all sides, and no secret', async () => {
    const sub = await moved('everything');
    await stage.sql(`insert into captured_passwords values ('main', '${sub}', 'sealed-hash', '\\x00', 'r')`);
    const { everything, text, wrong, ...out } = await run(userExport, { user: sub });
    expect(wrong).toBe(false);
    expect(everything).toMatchObject({
      sub,
      legacy: {
        kind: 'found',
        user: { email: 'everything@example.com' },
        secrets: { passwords: 1, totp: 1 },
      },
      targets: [{ target: 'main', kind: 'found', user: { username: 'user-everything' } }],
    });
    const said = JSON.stringify([everything, text]);
    for (const word of ['captured_passwords', '"state":"migrated"', 'ledger.confirm', 'legacy_id'])
      expect(said).toContain(word);
    for (const secret of [OLD.hash, 'a seed of 20 bytes', 'sealed-hash', 'MEQHGZLFMQ'])
      expect(said).not.toContain(secret);
    expect(userExport.page?.({ everything, ...out })).toContain('<h2>At main</h2>');
    const [record] = await stage.audit.records({ sub, action: 'user.exported' });
    expect(record).toMatchObject({ actor: 'operator:olga', detail: { complete: true, legacy: 'found' } });
    expect(JSON.stringify(out.receipt)).not.toContain('everything@');
  });

  test('of nobody is refused, and leaves no receipt', async () => {
    await expect(run(userExport, { user: 'shop:nobody' })).rejects.toMatchObject({ code: 'user_not_found' });
    expect((await run(userReceipts, { user: 'shop:nobody' })).text).toContain('no receipts');
  });

  test('says of a side that does not answer that it did not', async () => {
    const sub = await moved('away');
    const at = { ...withTargets({ userById: away }), directory: { ...desk.directory, findBySub: away } };
    const { everything, wrong, text } = await run(userExport, { user: sub }, at);
    expect(everything).toMatchObject({
      legacy: { kind: 'unknown', problem: { code: 'target_unavailable' } },
      targets: [{ kind: 'unknown', problem: { code: 'target_unavailable' } }],
    });
    expect(wrong).toBe(true);
    expect(text).toContain('Not all sides have answered');
  });

  test('has a receipt that names nobody, and that nobody else could have signed', async () => {
    const sub = await moved('receipt');
    await run(userExport, { user: sub });
    const { receipts, wrong } = (await run(userReceipts, { user: sub })) as never as {
      receipts: { jws: string; signature: string }[];
      wrong: boolean;
    };
    expect(receipts).toMatchObject([{ kind: 'export', signature: 'signed' }]);
    expect(wrong).toBe(false);
    const [head, body = '', signature] = receipts[0]!.jws.split('.');
    const payload = JSON.parse(Buffer.from(body, 'base64url').toString());
    expect(payload.subject).toBe(stage.audit.pseudonym(sub).toString('hex'));
    expect(JSON.stringify(payload)).not.toContain('receipt@');
    const forged = Buffer.from(JSON.stringify({ ...payload, actor: 'operator:eve' })).toString('base64url');
    await stage.sql(`update receipts set receipt = '${head}.${forged}.${signature}' where subject = $1`, [
      stage.audit.pseudonym(sub),
    ]);
    expect(await run(userReceipts, { user: sub })).toMatchObject({
      wrong: true,
      receipts: [{ signature: 'forged' }],
    });
  });
});

describe('an erasure', () => {
  test('that is only rehearsed says what would go, and takes nothing', async () => {
    const sub = await moved('rehearsed');
    const { text } = await run(userErase, { user: sub }, desk, false);
    expect(text).toContain('Would erase');
    expect(text).toMatch(/main +The user there would be removed/);
    expect(text).toMatch(/legacy store +BY HAND.*rehearsed/);
    expect(text).toMatch(/ledger \(1\)/);
    expect(there(sub)).toBeDefined();
    expect((await stage.row(sub))?.state).toBe('migrated');
    await expect(run(userErase, { user: 'shop:nobody' }, desk, false)).rejects.toMatchObject({
      code: 'user_not_found',
    });
  });

  test('takes somebody from everywhere, and leaves a tombstone, a pseudonym and a receipt', async () => {
    const sub = await moved('gone');
    await stage.sql(
      `insert into claim_exceptions (target, sub, reason, actor) values ('main', '${sub}', 'r', 'a')`,
    );
    const done = await erase(sub, { ...desk, directory: removing });
    expect(done).toMatchObject({
      done: true,
      wrong: false,
      targets: [{ target: 'main', did: 'removed' }],
      legacy: { did: 'removed' },
      receipt: {
        kind: 'erasure',
        detail: { state: 'done', legacy: 'removed', targets: { main: 'removed' } },
      },
    });
    expect(removed).toContain(sub);
    expect(there(sub)).toBeUndefined();
    expect(await placesOf(sub)).toEqual(STAYS);
    expect(await stage.row(sub)).toMatchObject({ state: 'deleted', legacyId: null, amr: null });
    await stage.audit.seal();
    expect((await stage.audit.verify()).ok).toBe(true);
    expect((await stage.audit.records({ sub })).map(({ action }) => action)).toEqual(
      expect.arrayContaining(['ledger.prove', 'user.erasure-begun', 'ledger.delete', 'user.erased']),
    );
    expect(await run(userReceipts, { user: sub })).toMatchObject({
      receipts: [{ kind: 'erasure', signature: 'signed' }],
    });
  });

  test('waits for what is to be done by hand, and looks for it when it is said again', async () => {
    const sub = await moved('by-hand');
    const first = await erase(sub);
    expect(first).toMatchObject({
      done: false,
      wrong: true,
      legacy: { did: 'by hand', legacyId: 'by-hand' },
      receipt: { detail: { state: 'waits', legacy: 'by hand' } },
    });
    expect(first.text).toContain('Delete the record by-hand');
    expect(there(sub)).toBeUndefined();
    expect(await erase(sub)).toMatchObject({ done: false, legacy: { did: 'by hand' } });
    stage.remove(sub);
    expect(await erase(sub)).toMatchObject({ done: true, wrong: false, legacy: { did: 'gone' } });
    expect(await placesOf(sub)).toEqual(STAYS);
  });

  test('does not call gone whom the store still has after it was told to remove them', async () => {
    const sub = await moved('stays');
    const lying = { ...removing, apply: async () => 'already' as const };
    expect(await erase(sub, { ...desk, directory: lying })).toMatchObject({
      done: false,
      legacy: { did: 'by hand' },
    });
  });

  test('goes on at the other sides while one is away, and is not called done', async () => {
    const sub = await moved('half');
    const at: Desk = { ...withTargets({ userById: away }), directory: removing };
    const first = await erase(sub, at);
    expect(first).toMatchObject({
      done: false,
      targets: [{ did: 'failed', problem: { code: 'target_unavailable' } }],
      legacy: { did: 'removed' },
    });
    expect(there(sub)).toBeDefined();
    expect(first.text).toContain('NOT done');
    expect(await erase(sub, { ...desk, directory: removing })).toMatchObject({
      done: true,
      targets: [{ did: 'removed' }],
      legacy: { did: 'gone' },
    });
    expect(there(sub)).toBeUndefined();
    const other = await moved('legacy-away');
    const legacyAway = {
      ...desk.directory,
      findBySub: () => Promise.reject(new FootbridgeError('legacy_unavailable')),
    };
    expect(await erase(other, { ...desk, directory: legacyAway })).toMatchObject({
      done: false,
      targets: [{ did: 'removed' }],
      legacy: { did: 'failed', problem: { code: 'legacy_unavailable' } },
    });
  });

  test('only unlinks whom a target had before us, unless they are to go there too', async () => {
    for (const alsoTheirs of [false, true]) {
      const sub = stage.put(person(`theirs-${alsoTheirs}`));
      const response = await fetch(`${stage.zitadel.url}/v2/users/human`, {
        method: 'POST',
        headers: { authorization: `Bearer ${stage.zitadel.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          username: `before-${sub}`,
          profile: { givenName: 'B', familyName: 'B' },
          email: { email: `before-${alsoTheirs}@example.com`, isVerified: true },
          idpLinks: [{ idpId: stage.idp, userId: sub, userName: 'x' }],
        }),
      });
      const { userId } = (await response.json()) as { userId: string };
      await stage.happens(sub, 'prove');
      await stage.happens(sub, 'create', userId);
      const at = { ...desk, directory: removing };
      const did = alsoTheirs ? 'removed' : 'unlinked';
      expect(await run(userErase, { user: sub, alsoTheirs }, at)).toMatchObject({
        done: true,
        targets: [{ did }],
      });
      expect(stage.linkedTo(sub)).toEqual([]);
      expect(stage.zitadel.instance.users.has(userId)).toBe(!alsoTheirs);
      expect((await stage.row(sub))?.state).toBe('deleted');
    }
  });

  test('finishes what any failure in the middle has left', async () => {
    const sub = await moved('cut-off');
    // Whatever else the places know of them.
    for (const text of statementsOf(stage.keyring, sub, stage.idOf(sub)))
      await stage.sql(text).catch(() => undefined);
    const failures: number[] = [];
    for (let at = 2; ; at += 9) {
      const done = await erase(sub, { ...desk, db: failingAt(at), directory: removing }).catch(
        (error: unknown) => {
          expect(error).toMatchObject({ code: 'storage_unavailable' });
          return undefined;
        },
      );
      if (done) break;
      failures.push(at);
    }
    expect(failures.length).toBeGreaterThan(6);
    expect(await erase(sub, { ...desk, directory: removing })).toMatchObject({ done: true });
    expect(there(sub)).toBeUndefined();
    expect(await placesOf(sub)).toEqual([...STAYS, 'reconciliations', 'rollout_plans'].sort());
  });

  test('is not begun by whoever cannot sign for it', async () => {
    const sub = await moved('unsigned');
    await stage.sql('create table keys_away as select * from provider_keys; delete from provider_keys');
    await expect(erase(sub)).rejects.toMatchObject({ code: 'config_invalid' });
    await stage.sql('insert into provider_keys select * from keys_away; drop table keys_away');
    expect(there(sub)).toBeDefined();
    expect((await stage.row(sub))?.state).toBe('migrated');
  });

  test('is not undone by a move, an ensure or a one-time link, though the old record is still there', async () => {
    const sub = await moved('again');
    await erase(sub);
    await stage.login(sub);
    expect(await stage.mover.move(request(sub))).not.toMatchObject({ kind: 'moved' });
    expect(await stage.mover.move(request(sub, { road: 'ensure' }))).not.toMatchObject({ kind: 'moved' });
    const issued = await run(claimIssue, { user: sub, target: 'main' }).catch((error: unknown) => error);
    expect(JSON.stringify(issued)).toContain('user_not_found');
    expect(there(sub)).toBeUndefined();
    expect((await stage.row(sub))?.state).toBe('deleted');
    expect((await stage.sql('select from claim_tokens where sub = $1', [sub])).length).toBe(0);
  });
});

/** The database goes away at its nth statement, and stays away. */
function failingAt(statement: number): Db {
  let count = 0;
  const counted = <T extends (...args: never[]) => unknown>(work: T): T =>
    ((...args: never[]) => {
      count += 1;
      if (count >= statement) return Promise.reject(new FootbridgeError('storage_unavailable'));
      return work(...args);
    }) as T;
  const { run: runs, runParts, transaction, ...rest } = stage.db;
  return { ...rest, run: counted(runs), runParts: counted(runParts), transaction: counted(transaction) };
}
