/** Passwords that are typed elsewhere, and the limits that they share with our login page. */
import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { move, proveParts } from '../../src/migration/ledger.ts';
import type { ProvePassword } from '../../src/migration/moving/mover.ts';
import type { CarriedLogin } from '../../src/provider/login-limits.ts';
import { passwordProof } from '../../src/provider/password-proof.ts';
import { openTargets } from '../../src/targets/index.ts';
import { targetSettings } from '../../src/targets/target-settings.ts';
import { Browser } from '../support/browser.ts';
import { execute } from '../support/database.ts';
import type { Person, Stage } from './harness.ts';
import { ANNA, authorizationUrl, BOB, CALLBACK, legacyDown, openStage, submitLogin } from './harness.ts';

const LARS: Person = { login: 'lars', password: 'pw of lars', state: 'locked' };
const [target] = openTargets(
  targetSettings.parse([
    { name: 'main', kind: 'zitadel', displayName: 'The new one', loginUrl: 'https://new.example/' },
  ]),
).all;

let stage: Stage;
let prove: ProvePassword;
const carried: CarriedLogin[] = [];
let decoys = 0;
beforeAll(async () => {
  stage = await openStage({
    people: [ANNA, BOB, LARS],
    settings: { login: { failureFloorMs: 0, accountFailures: 3, networkFailures: 1000, blockSeconds: 60 } },
  });
  const passwords = {
    ...stage.parts.passwords,
    decoy: async () => {
      decoys += 1;
    },
  };
  prove = passwordProof({
    ...stage.parts,
    passwords,
    carry: async (login) => {
      carried.push(login);
      return [{ name: 'carried', text: 'select 1', values: [] }];
    },
  });
});
afterAll(() => stage.close());
afterEach(async () => {
  stage.outage = undefined;
  carried.length = 0;
  decoys = 0;
  await execute(stage.databaseUrl, 'truncate login_attempts');
});

const network = '192.0.2.7';
const typed = (more: object) => prove({ target: target!, password: 'wrong', network, ...more });

/** At our own page. */
async function atThePage(login: string, password: string) {
  const browser = new Browser();
  const page = await browser.follow(authorizationUrl(stage), CALLBACK);
  return submitLogin(browser, page, { login, password });
}

let serial = 0;
/** Somebody whom nobody has tried yet: a block is remembered by the process as well. */
function someone(): Person {
  const person = { login: `someone-${++serial}`, password: 'their password' };
  stage.people.push(person);
  return person;
}

describe('a right password', () => {
  test.each([
    ['by what is typed', { login: 'anna' }],
    ['by another identifier', { login: 'anna@example.com' }],
    ['by subject', { sub: 'shop:anna' }],
  ])('is proved %s, and brings what is to be stored with the proof', async (_how, who) => {
    const proof = await typed({ ...who, password: ANNA.password });
    expect(proof).toMatchObject({ kind: 'proved', amr: ['pwd'], entry: { user: { sub: 'shop:anna' } } });
    expect(proof.kind === 'proved' && proof.writes.map(({ name }) => name)).toEqual(['carried']);
    expect(carried[0]).toMatchObject({ sub: 'shop:anna', target: { name: 'main' }, state: undefined });
  });

  test('forgets the failures before it, once its writes are stored', async () => {
    await typed({ sub: 'shop:anna' });
    const proof = await typed({ sub: 'shop:anna', password: ANNA.password });
    await stage.db.runParts(proof.kind === 'proved' ? proof.writes : [], 'select 1');
    expect(await execute(stage.databaseUrl, 'select 1 from login_attempts')).toHaveLength(1); // the network’s
  });

  test('of a disabled user is told as that, and carries nothing', async () => {
    expect(await typed({ login: 'lars', password: LARS.password })).toEqual({ kind: 'disabled' });
    expect(carried).toEqual([]);
  });

  test('of somebody who has left for good proves nothing any more', async () => {
    const subject = createHash('sha256').update('shop:bob').digest();
    const common = { target: 'main', sub: 'shop:bob', actor: 'test', subject };
    await stage.db.runParts(proveParts({ ...common, legacyId: 'bob', amr: ['pwd'] }), 'select 1');
    await move(stage.db, { ...common, event: 'create', targetUserId: 'there' });
    await move(stage.db, { ...common, event: 'confirm' });
    expect(await typed({ login: 'bob', password: BOB.password })).toMatchObject({ kind: 'proved' });
    await move(stage.db, { ...common, event: 'cut-over' });
    expect(await typed({ login: 'bob', password: BOB.password })).toEqual({ kind: 'wrong' });
  });
});

describe('a wrong password', () => {
  test.each([
    ['of a known user', { login: 'anna' }],
    ['of a locked user', { login: 'lars' }],
    ['of nobody', { login: 'nobody' }],
    ['of a subject of nobody', { sub: 'shop:nobody' }],
    ['of a subject of no store', { sub: 'elsewhere:1' }],
    ['that is too long', { login: 'anna', password: 'x'.repeat(1_100) }],
  ])('%s is wrong, and nothing more', async (_who, more) => {
    expect(await typed(more)).toEqual({ kind: 'wrong' });
  });

  test('of nobody costs a verification all the same', async () => {
    await typed({ login: 'nobody' });
    await typed({ sub: 'shop:nobody' });
    expect(decoys).toBe(2);
  });

  test('and a disabled user answer no sooner than the floor', async () => {
    const slow = passwordProof({ ...stage.parts, failureFloorMs: 150 });
    for (const who of [
      { login: 'anna', password: 'wrong' },
      { login: 'lars', password: LARS.password },
    ]) {
      const startedAt = performance.now();
      await slow({ target: target!, network, ...who });
      expect(performance.now() - startedAt).toBeGreaterThanOrEqual(149);
    }
  });
});

describe('guessing', () => {
  test('by subject has to wait at our page too', async () => {
    const { login, password } = someone();
    for (let i = 0; i < 3; i++) expect(await typed({ sub: `shop:${login}` })).toEqual({ kind: 'wrong' });
    expect((await atThePage(login, password)).status).toBe(429);
  });

  test('at our page has to wait by subject too', async () => {
    const { login, password } = someone();
    for (let i = 0; i < 3; i++) expect((await atThePage(login, 'wrong')).status).toBe(401);
    const proof = await typed({ sub: `shop:${login}`, password });
    expect(proof).toEqual({ kind: 'throttled', waitSeconds: expect.any(Number) });
  });

  test('gains nothing by doing it at once', async () => {
    const { login } = someone();
    const proofs = await Promise.all(Array.from({ length: 20 }, () => typed({ login })));
    expect(proofs.filter(({ kind }) => kind === 'wrong')).toHaveLength(3);
    expect(proofs.filter(({ kind }) => kind === 'throttled')).toHaveLength(17);
  });
});

describe('a legacy store that is down', () => {
  test('is told as such, and counts as no failure', async () => {
    const { login, password } = someone();
    stage.outage = legacyDown();
    for (const who of [{ login }, { sub: `shop:${login}` }])
      await expect(typed(who)).rejects.toMatchObject({ code: 'legacy_unavailable' });
    stage.outage = undefined;
    expect(await execute(stage.databaseUrl, 'select 1 from login_attempts')).toEqual([]);
    expect((await typed({ login, password })).kind).toBe('proved');
  });
});
