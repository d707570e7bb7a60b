/** What a login leaves behind for the target, and what the target then gets. */
import { createHash } from 'node:crypto';
import bcrypt from 'bcrypt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { passwordSettings } from '../../src/credentials/password-settings.ts';
import type { Passwords } from '../../src/credentials/passwords.ts';
import { openPasswords } from '../../src/credentials/passwords.ts';
import { FootbridgeError } from '../../src/errors.ts';
import { blockedRewrites, unblockRewrites } from '../../src/migration/blocked-rewrites.ts';
import type { CarryingDeps, ProvedPassword } from '../../src/migration/carrying.ts';
import { carry, carryFor } from '../../src/migration/carrying.ts';
import { find, statePart } from '../../src/migration/ledger.ts';
import { openTargets } from '../../src/targets/index.ts';
import { targetSettings } from '../../src/targets/target-settings.ts';
import type { StoredPassword } from '../../src/user.ts';
import { execute } from '../support/database.ts';
import type { Stage } from './stage.ts';
import { ALL_SCOPES, entryOf, openStage, TARGETS } from './stage.ts';

const PASSWORD = 'Tr0ub4dor&3';
const sha1 = (password: string): StoredPassword => ({
  format: 'generic-hex_sha1',
  columns: { hash: createHash('sha1').update(password).digest('hex') },
});
const BCRYPT: StoredPassword = {
  format: 'bcrypt',
  columns: { hash: bcrypt.hashSync(PASSWORD, '$2b$04$abcdefghijklmnopqrstuu') },
};
const PLAIN: StoredPassword = { format: 'generic-plaintext', columns: { password: PASSWORD } };

let stage: Stage;
let passwords: Passwords;
const targets = openTargets(targetSettings.parse(TARGETS));
const main = targets.byName('main')!;
beforeAll(async () => {
  stage = await openStage();
  passwords = openPasswords(passwordSettings.parse({}));
});
afterAll(async () => {
  await passwords.close();
  await stage.close();
});

let serial = 0;
function someone(...stored: StoredPassword[]): string {
  const id = `carried-${++serial}`;
  const entry = entryOf(id);
  stage.people.set(`shop:${id}`, { user: entry.user, credentials: { passwords: stored } });
  return `shop:${id}`;
}

/** The login at our page: proves, carries, and stores both in one statement. */
async function logIn(sub: string, more: Partial<ProvedPassword> & { deps?: Partial<CarryingDeps> } = {}) {
  const { deps, ...proved } = more;
  const stored = stage.people.get(sub)!.credentials.passwords;
  const [known] = await stage.db.runParts<{
    state: string | null;
    captured: string | null;
    blocked: [string, string][] | null;
  }>([statePart('main', sub)], 'select state, captured, blocked from ledger_state');
  const parts = await carry(
    { passwords, keyring: stage.keyring, ...deps },
    {
      target: main,
      sub,
      password: PASSWORD,
      stored,
      opened: stored[0],
      state: known?.state ?? undefined,
      captured: known?.captured ?? undefined,
      blocked: known?.blocked ?? [],
      ...proved,
    },
  );
  if (parts.length) await stage.db.runParts(parts, 'select 1');
  return { parts: parts.map(({ name }) => name), ticket: await stage.login(sub) };
}

const retrieve = async (sub: string, ticket: string, formats?: string[]) => {
  const body = { ticket, ...(formats ? { formats } : {}) };
  const answer = await stage.call('POST', `/migration/users/${encodeURIComponent(sub)}/secrets`, {
    token: ALL_SCOPES,
    body,
  });
  expect(answer.status).toBe(200);
  return answer.json.password;
};

const opens = (encoded: string, password = PASSWORD) =>
  passwords.verify({ format: 'auto', columns: { hash: encoded } }, password);

describe('a password that the target reads as it is stored', () => {
  test('is proved at the login, carried, and costs no second hash', async () => {
    const sub = someone(BCRYPT);
    const proofs: unknown[] = [];
    const { parts, ticket } = await logIn(sub, {
      deps: { onProof: (rewrite, result) => proofs.push([rewrite, result]) },
    });
    expect(parts).toEqual([]);
    expect(proofs).toEqual([[{ target: 'main', format: 'bcrypt', write: 'bcrypt' }, 'proved']]);
    expect(await retrieve(sub, ticket)).toMatchObject({ encoded: BCRYPT.columns.hash, format: 'bcrypt' });
    expect((await find(stage.db, 'main', sub))?.password).toBe('carried');
  });
});

describe('a password that the target cannot read', () => {
  test('is captured behind the login, and opens at the target', async () => {
    const sub = someone(sha1(PASSWORD));
    const { parts, ticket } = await logIn(sub);
    expect(parts).toEqual(['password_captured']);
    const { encoded } = await retrieve(sub, ticket);
    expect((await opens(encoded)).verified).toBe(true);
    expect((await opens(encoded, 'wrong')).verified).toBe(false);
    expect((await find(stage.db, 'main', sub))?.password).toBe('captured');
  });

  test('is not hashed again at the next login, until it has changed in the legacy store', async () => {
    const sub = someone(sha1(PASSWORD));
    expect((await logIn(sub)).parts).toEqual(['password_captured']);
    expect((await logIn(sub)).parts).toEqual([]);
    const entry = stage.people.get(sub)!;
    stage.people.set(sub, { ...entry, credentials: { passwords: [sha1('new one')] } });
    expect((await logIn(sub, { password: 'new one' })).parts).toEqual(['password_captured']);
  });

  test('that has changed since it was captured is not released: the person has to log in again', async () => {
    const sub = someone(sha1(PASSWORD));
    const { ticket } = await logIn(sub);
    const entry = stage.people.get(sub)!;
    stage.people.set(sub, { ...entry, credentials: { passwords: [sha1('new one')] } });
    expect(await retrieve(sub, ticket)).toMatchObject({ reason: 'untranslatable_algorithm' });
    expect((await find(stage.db, 'main', sub))?.password).toBe('reset');
  });

  test('and that was never seen ends as a reset', async () => {
    const sub = someone(sha1(PASSWORD));
    expect(await retrieve(sub, await stage.login(sub))).toHaveProperty('reason');
    expect((await find(stage.db, 'main', sub))?.password).toBe('reset');
  });

  test('is sealed for its user and target, and gone when the target confirms', async () => {
    const [sub, other] = [someone(sha1(PASSWORD)), someone(sha1(PASSWORD))];
    const { ticket } = await logIn(sub);
    const rows = () => execute(stage.databaseUrl, `select * from captured_passwords where sub = '${sub}'`);
    expect(JSON.stringify(await rows())).not.toMatch(/\$2|\$argon2/);
    await execute(
      stage.databaseUrl,
      `insert into captured_passwords select target, '${other}', sealed, made_of, reason from captured_passwords where sub = '${sub}'`,
    );
    expect(await retrieve(other, await stage.login(other))).toHaveProperty('reason');
    await retrieve(sub, ticket);
    const body = { state: 'migrated', targetUserId: `t-${sub}` };
    const flagged = await stage.call('PUT', `/migration/users/${encodeURIComponent(sub)}/state`, {
      token: ALL_SCOPES,
      body,
    });
    expect(flagged.status).toBe(200);
    expect(await rows()).toEqual([]);
  });

  test('of a store that checks it itself is captured at every login', async () => {
    const sub = someone();
    expect((await logIn(sub, { opened: undefined })).parts).toEqual(['password_captured']);
    const { parts, ticket } = await logIn(sub, { opened: undefined });
    expect(parts).toEqual(['password_captured']);
    expect((await opens((await retrieve(sub, ticket)).encoded)).verified).toBe(true);
  });

  test('longer than bcrypt takes is captured in a format without that limit', async () => {
    const long = `${PASSWORD}${'x'.repeat(80)}`;
    const sub = someone(sha1(long));
    const { ticket } = await logIn(sub, { password: long });
    const { encoded } = await retrieve(sub, ticket);
    expect(encoded).toMatch(/^\$argon2id\$/);
    expect((await opens(encoded, long)).verified).toBe(true);
    expect((await opens(encoded, long.slice(0, 72))).verified).toBe(false);
  });

  test('is not released in a format that the caller did not ask for', async () => {
    const sub = someone(sha1(PASSWORD));
    const { ticket } = await logIn(sub);
    expect(await retrieve(sub, ticket, ['md5crypt'])).toHaveProperty('reason');
  });
});

describe('a password that the store can recover', () => {
  test('is hashed afresh when it is released, without a login that saw it', async () => {
    const sub = someone(PLAIN);
    const { encoded } = await retrieve(sub, await stage.login(sub));
    expect(encoded).not.toContain(PASSWORD);
    expect((await opens(encoded)).verified).toBe(true);
    expect((await find(stage.db, 'main', sub))?.password).toBe('rehashed');
  });
});

describe('a rewrite that does not open', () => {
  const failing: Partial<CarryingDeps> = {
    passwords: {
      hash: (...given: Parameters<Passwords['hash']>) => passwords.hash(...given),
      prove: async () => ({ kind: 'failed', format: 'bcrypt', write: 'bcrypt', reason: 'rewrite_blocked' }),
    },
  };

  test('blocks its format for that target, and the person’s password is captured instead', async () => {
    const sub = someone(BCRYPT);
    const proofs: string[] = [];
    const { parts, ticket } = await logIn(sub, {
      deps: { ...failing, onProof: (_rewrite, result) => proofs.push(result) },
    });
    expect(proofs).toEqual(['failed']);
    expect(parts).toEqual(['rewrite_blocked', 'password_captured']);
    const { encoded } = await retrieve(sub, ticket);
    expect(encoded).not.toBe(BCRYPT.columns.hash);
    expect((await opens(encoded)).verified).toBe(true);

    const proving = someone(BCRYPT);
    const later = await logIn(proving);
    expect(later.parts).toEqual(['password_captured']);
    expect((await opens((await retrieve(proving, later.ticket)).encoded)).verified).toBe(true);

    const unseen = someone(BCRYPT);
    expect(await retrieve(unseen, await stage.login(unseen))).toMatchObject({ reason: 'rewrite_blocked' });
    await logIn(unseen, { deps: failing });
    expect(await blockedRewrites(stage.db)).toEqual([
      { target: 'main', format: 'bcrypt', write: 'bcrypt', failures: 2, failedAt: expect.any(Date) },
    ]);

    expect(await unblockRewrites(stage.db, 'main', 'bcrypt')).toHaveLength(1);
    const again = someone(BCRYPT);
    expect(await retrieve(again, await stage.login(again))).toMatchObject({ encoded: BCRYPT.columns.hash });
  });
});

describe('a login', () => {
  test('at a client of no target carries nothing', async () => {
    const carryAt = carryFor({ passwords, keyring: stage.keyring }, targets);
    const login = {
      sub: 'shop:1',
      password: PASSWORD,
      stored: [],
      opened: undefined,
      state: undefined,
      captured: undefined,
      blocked: [],
    };
    expect(await carryAt({ ...login, clientId: 'shop-floor' })).toEqual([]);
    expect(await carryAt({ ...login, clientId: 'main-login' })).toHaveLength(1);
  });

  test('of somebody who has moved, or never will, captures nothing, unless the move may be taken back', async () => {
    const patient = openTargets(
      targetSettings.parse(TARGETS.map((t) => ({ ...t, rollbackWindowSeconds: 60 }))),
    );
    const login = { sub: 'shop:1', clientId: 'main-login', password: PASSWORD, stored: [], blocked: [] };
    const captures = async (state: string, at = targets) => {
      const carryAt = carryFor({ passwords, keyring: stage.keyring }, at);
      return (await carryAt({ ...login, opened: undefined, captured: undefined, state })).length;
    };
    expect(await captures('created')).toBe(1);
    for (const state of ['migrated', 'excluded', 'deleted']) expect(await captures(state)).toBe(0);
    expect(await captures('migrated', patient)).toBe(1);
  });

  test('does not fail because nothing could be carried over', async () => {
    const errors: unknown[] = [];
    const overloaded = async () => {
      throw new FootbridgeError('hashing_overloaded');
    };
    const carryAt = carryFor(
      {
        passwords: { prove: overloaded, hash: overloaded },
        keyring: stage.keyring,
        onError: (e) => errors.push(e),
      },
      targets,
    );
    const login = {
      sub: 'shop:1',
      clientId: 'main-login',
      password: PASSWORD,
      state: undefined,
      captured: undefined,
      blocked: [],
    };
    expect(await carryAt({ ...login, stored: [BCRYPT], opened: BCRYPT })).toEqual([]);
    expect(errors).toHaveLength(1);
  });
});
