import { generateKeyPairSync } from 'node:crypto';
import { compactDecrypt, importJWK } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { find, move } from '../../src/migration/ledger.ts';
import type { Event } from '../../src/migration/states.ts';
import { execute } from '../support/database.ts';
import type { Answer, Stage } from './stage.ts';
import { ALL_SCOPES, CANARY, entryOf, openStage, signed, TARGETS, tokenOf } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());
beforeEach(async () => {
  stage.meanwhile = undefined;
  await forgetVolume(stage);
});

const forgetVolume = (on: Stage) => execute(on.databaseUrl, 'truncate release_rate, release_volume');

let serial = 0;
function someone(on = stage): string {
  const id = String(++serial);
  on.people.set(`shop:${id}`, entryOf(id));
  return `shop:${id}`;
}

const fetchSecrets = (sub: string, ticket: string | undefined, token = ALL_SCOPES, on = stage) =>
  on.call('POST', `/migration/users/${encodeURIComponent(sub)}/secrets`, { token, body: { ticket } });

async function walk(sub: string, ...events: Event[]): Promise<void> {
  for (const event of events) {
    const common = { target: 'main', sub, event, actor: 'operator:test', subject: stage.pseudonym(sub) };
    await move(stage.db, { ...common, ...(event === 'create' ? { targetUserId: `t-${sub}` } : {}) });
  }
}

const releases = async (sub: string) => {
  const subject = stage.pseudonym(sub);
  return (await stage.auditRecords()).filter(
    (r) => r.action === 'secrets.released' && r.subject?.equals(subject),
  );
};

describe('a user who has just logged in', () => {
  test('can be fetched once, with everything the target needs', async () => {
    const sub = someone();
    const answer = await fetchSecrets(sub, await stage.login(sub));
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('content-type')).toMatch('application/json');
    expect(answer.json).toEqual({
      sub,
      state: 'releasing',
      profile: {
        name: 'Anna Tester',
        given_name: 'Anna',
        family_name: 'Tester',
        preferred_username: `user-${sub.slice(5)}`,
        email: `${sub.slice(5)}@example.com`,
        email_verified: true,
      },
      missing: [],
      roles: ['buyer'],
      password: { format: 'bcrypt', encoded: CANARY.hash },
      totp: { secret: 'INAU4QKSLEWVGRKFIQWTAMJSGM2DKNRX', algorithm: 'SHA1', digits: 6, periodSeconds: 30 },
      links: [{ provider: 'https://id.example.com', subject: sub, userName: `user-${sub.slice(5)}` }],
    });
    expect(await find(stage.db, 'main', sub)).toMatchObject({ state: 'releasing' });
    expect(stage.outcomes.at(-1)).toBe('released');
  });

  test('is released to exactly one of twenty who come with the ticket at once', async () => {
    const sub = someone();
    const ticket = await stage.login(sub);
    // Nobody goes on before all twenty have been found to hold a good ticket.
    const everybody = Promise.withResolvers<void>();
    let arrived = 0;
    stage.meanwhile = () => {
      arrived += 1;
      if (arrived === 20) everybody.resolve();
      return everybody.promise;
    };
    const answers = await Promise.all(Array.from({ length: 20 }, () => fetchSecrets(sub, ticket)));
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([200, ...Array.from({ length: 19 }, () => 409)]);
    const codes = answers.filter(({ status }) => status === 409).map(({ json }) => json.code);
    expect(new Set(codes)).toEqual(new Set(['ticket_used']));
    expect(await releases(sub)).toHaveLength(1);
  });

  test('leaves a record with caller, format and fingerprint, and nothing to log in with', async () => {
    const sub = someone();
    await fetchSecrets(sub, await stage.login(sub));
    const [record, ...more] = await releases(sub);
    expect(more).toEqual([]);
    expect(record).toMatchObject({
      actor: 'client:main-machine',
      detail: {
        target: 'main',
        totp: true,
        password: { format: 'bcrypt', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      },
    });
    const rows = JSON.stringify(
      await execute(stage.databaseUrl, 'select actor, action, detail::text from audit_log'),
    );
    for (const canary of [CANARY.hash, CANARY.seed, 'INAU4QKSLEWVGRKFIQWTAMJSGM2DKNRX'])
      expect(rows).not.toContain(canary);
  });

  test('can be fetched again after another login, as long as nothing is confirmed', async () => {
    const sub = someone();
    await fetchSecrets(sub, await stage.login(sub));
    await walk(sub, 'create');
    const again = await fetchSecrets(sub, await stage.login(sub));
    expect(again.status).toBe(200);
    expect(again.json.state).toBe('created');
  });

  test('can be fetched with the target’s signature instead of a token', async () => {
    const sub = someone();
    const body = { ticket: await stage.login(sub) };
    const answer = await stage.call('POST', `/migration/users/${sub}/secrets`, signed(stage, body));
    expect(answer.status).toBe(200);
    expect((await releases(sub))[0]?.actor).toBe('target:main');
  });

  test('is translated to a format the caller chose, or not at all', async () => {
    const sub = someone();
    const body = { ticket: await stage.login(sub), formats: ['argon2'] };
    const answer = await stage.call('POST', `/migration/users/${sub}/secrets`, { token: ALL_SCOPES, body });
    expect(answer.status).toBe(200);
    expect(answer.json.password).toMatchObject({ reason: 'untranslatable_algorithm' });
  });
});

describe('nothing is released', () => {
  const refused = async (
    answer: { status: number; text: string; json: { code: string } },
    status: number,
    code: string,
  ) => {
    expect([answer.status, answer.json.code]).toEqual([status, code]);
    for (const canary of [CANARY.hash, CANARY.seed]) expect(answer.text).not.toContain(canary);
    expect(stage.outcomes.at(-1)).toBe(code);
  };

  test('without a ticket', async () => {
    const sub = someone();
    await stage.login(sub);
    await refused(await fetchSecrets(sub, undefined), 403, 'no_export_ticket');
    const empty = await stage.call('POST', `/migration/users/${sub}/secrets`, { token: ALL_SCOPES });
    await refused(empty, 403, 'no_export_ticket');
  });

  test('for a user who never logged in, known or unknown alike', async () => {
    const ticket = await stage.login(someone());
    const [known, unknown] = await Promise.all([
      fetchSecrets(someone(), ticket),
      fetchSecrets('shop:nobody', ticket),
    ]);
    await refused(known, 403, 'no_export_ticket');
    expect(unknown.text).toBe(known.text);
  });

  test('for another user’s ticket', async () => {
    const [one, another] = [someone(), someone()];
    await stage.login(another);
    await refused(await fetchSecrets(another, await stage.login(one)), 403, 'no_export_ticket');
  });

  test('for a ticket of another target’s login', async () => {
    const sub = someone();
    await stage.login(sub);
    const ticket = await stage.login(sub, { clientId: 'other-login', target: 'other' });
    await refused(await fetchSecrets(sub, ticket), 403, 'no_export_ticket');
    const stolen = await stage.login(sub);
    const thief = tokenOf('other-login', 'migration:secrets');
    await refused(await fetchSecrets(sub, stolen, thief), 403, 'no_export_ticket');
  });

  test('for a ticket that has expired', async () => {
    const sub = someone();
    await refused(
      await fetchSecrets(sub, await stage.login(sub, { agoSeconds: 301 })),
      403,
      'ticket_expired',
    );
    expect((await fetchSecrets(sub, await stage.login(sub, { agoSeconds: 290 }))).status).toBe(200);
  });

  test('for a ticket that was used', async () => {
    const sub = someone();
    const ticket = await stage.login(sub);
    await fetchSecrets(sub, ticket);
    await refused(await fetchSecrets(sub, ticket), 409, 'ticket_used');
  });

  test.each<[string, Event[], number, string]>([
    ['has moved', ['create', 'confirm'], 410, 'already_migrated'],
    ['is cut over', ['create', 'confirm', 'cut-over'], 410, 'already_migrated'],
    ['is retired', ['create', 'confirm', 'cut-over', 'retire'], 410, 'already_migrated'],
    ['is excluded', ['exclude'], 403, 'user_excluded'],
    ['is deleted', ['delete'], 404, 'user_not_found'],
    ['went back', ['revert'], 403, 'no_export_ticket'],
    ['failed', ['fail'], 403, 'no_export_ticket'],
  ])('for a user who %s, even with a ticket', async (_what, events, status, code) => {
    const sub = someone();
    const ticket = await stage.login(sub);
    await walk(sub, ...events);
    await refused(await fetchSecrets(sub, ticket), status, code);
    expect(await releases(sub)).toEqual([]);
  });

  test.each(['disabled', 'locked'] as const)(
    'for a user whom the legacy store has %s since',
    async (state) => {
      const sub = someone();
      const ticket = await stage.login(sub);
      stage.people.set(sub, entryOf(sub.slice(5), { state }));
      await refused(await fetchSecrets(sub, ticket), 403, 'user_disabled');
    },
  );

  test('for a user who is gone from the legacy store', async () => {
    const sub = someone();
    const ticket = await stage.login(sub);
    stage.people.delete(sub);
    await refused(await fetchSecrets(sub, ticket), 404, 'user_not_found');
  });

  test('for a ticket that was used while the legacy store was asked, nor is it counted', async () => {
    const sub = someone();
    const ticket = await stage.login(sub);
    let winner: Answer | undefined;
    stage.meanwhile = async () => {
      stage.meanwhile = undefined;
      winner = await fetchSecrets(sub, ticket);
    };
    await refused(await fetchSecrets(sub, ticket), 409, 'ticket_used');
    expect(winner?.status).toBe(200);
    const counted = await execute(stage.databaseUrl, 'select releases from release_volume');
    expect(counted).toEqual([{ releases: 1 }]);
    expect(await releases(sub)).toHaveLength(1);
  });

  test('for a user who was excluded while the legacy store was asked', async () => {
    const sub = someone();
    const ticket = await stage.login(sub);
    stage.meanwhile = () => walk(sub, 'exclude');
    await refused(await fetchSecrets(sub, ticket), 403, 'user_excluded');
    expect(await releases(sub)).toEqual([]);
  });

  test('while the legacy store is down, and the ticket stays good', async () => {
    const sub = someone();
    const ticket = await stage.login(sub);
    stage.legacyDown = true;
    const answer = await fetchSecrets(sub, ticket);
    stage.legacyDown = false;
    await refused(answer, 503, 'legacy_unavailable');
    expect(answer.headers.get('retry-after')).toBe('2');
    expect((await fetchSecrets(sub, ticket)).status).toBe(200);
  });
});

describe('what the target cannot have', () => {
  test('is said with a reason, and the rest is released', async () => {
    const sub = someone();
    const entry = entryOf(sub.slice(5));
    stage.people.set(sub, {
      user: entry.user,
      credentials: {
        passwords: [{ format: 'ldap-ssha', columns: { password: '{SSHA}AAAA' } }],
        totp: { ...entry.credentials.totp!, algorithm: 'SHA256', digits: 8 },
      },
    });
    const answer = await fetchSecrets(sub, await stage.login(sub));
    expect(answer.status).toBe(200);
    expect(answer.json.password).toEqual({ reason: expect.any(String), sentence: expect.any(String) });
    expect(answer.json.totp).toEqual({ reason: 'totp_not_supported', sentence: expect.any(String) });
    expect((await releases(sub))[0]?.detail).toMatchObject({
      totp: false,
      password: { reason: expect.any(String) },
    });
  });

  test('of several passwords is skipped for one that it can', async () => {
    const sub = someone();
    const entry = entryOf(sub.slice(5));
    const unreadable = { format: 'unix-des_crypt', columns: { password: 'abJnggxhB/yWI' } };
    stage.people.set(sub, {
      ...entry,
      credentials: { passwords: [unreadable, ...entry.credentials.passwords] },
    });
    const answer = await fetchSecrets(sub, await stage.login(sub));
    expect(answer.json.password.encoded).toBe(CANARY.hash);
    expect(answer.json).not.toHaveProperty('totp');
  });

  test('because the user has none is said as well', async () => {
    const sub = someone();
    stage.people.set(sub, { user: entryOf(sub.slice(5)).user, credentials: { passwords: [] } });
    expect((await fetchSecrets(sub, await stage.login(sub))).json.password.reason).toBe('no_hash');
  });

  test('for lack of claims it needs is listed', async () => {
    const sub = someone();
    const { givenName: _, name: __, ...nameless } = entryOf(sub.slice(5)).user;
    stage.people.set(sub, { user: nameless, credentials: { passwords: [] } });
    expect((await fetchSecrets(sub, await stage.login(sub))).json.missing).toEqual(['given_name']);
  });
});

describe('the rollback window', () => {
  test('lets a moved user be fetched with a new ticket, and closes', async () => {
    const windowed = await openStage({ targets: [{ ...TARGETS[0], rollbackWindowSeconds: 3_600 }] });
    try {
      const sub = someone(windowed);
      await windowed.login(sub);
      const flag = { state: 'migrated', targetUserId: 't-1', imported: ['password', 'totp'] };
      expect(
        (await windowed.call('PUT', `/migration/users/${sub}/state`, { token: ALL_SCOPES, body: flag }))
          .status,
      ).toBe(200);
      const inside = await fetchSecrets(sub, await windowed.login(sub), ALL_SCOPES, windowed);
      expect([inside.status, inside.json.state]).toEqual([200, 'migrated']);
      await execute(windowed.databaseUrl, `update ledger set migrated_at = now() - interval '3601 seconds'`);
      expect((await fetchSecrets(sub, await windowed.login(sub), ALL_SCOPES, windowed)).status).toBe(410);
    } finally {
      await windowed.close();
    }
  });
});

describe('the volume fuse', () => {
  test('stops whoever tries many ids, and says when to come back', async () => {
    const answers = [];
    for (let id = 0; id < 500; id += 1) answers.push(await fetchSecrets(`shop:guess-${id}`, undefined));
    const first = answers.findIndex(({ status }) => status === 429);
    expect(first).toBeGreaterThanOrEqual(60);
    expect(answers[first]?.json.code).toBe('volume_exceeded');
    expect(answers[first]?.headers.get('retry-after')).toBe('1');
    expect(stage.outcomes).toContain('volume_exceeded');
  });

  test('counts each caller by itself', async () => {
    await execute(
      stage.databaseUrl,
      `insert into release_rate values ('client:main-machine', 0, now() + interval '1 hour')`,
    );
    expect((await fetchSecrets('shop:x', undefined)).status).toBe(429);
    expect((await fetchSecrets('shop:x', undefined, tokenOf('main-login', 'migration:secrets'))).status).toBe(
      403,
    );
  });

  test('opens after the day’s number of users, and keeps the ticket for the next day', async () => {
    const small = await openStage({ targets: [{ ...TARGETS[0], volume: { perDay: 3 } }] });
    try {
      const statuses: number[] = [];
      let refusedAt = { sub: '', ticket: '' };
      for (let n = 0; n < 5; n += 1) {
        const sub = someone(small);
        const ticket = await small.login(sub);
        const { status, headers } = await fetchSecrets(sub, ticket, ALL_SCOPES, small);
        statuses.push(status);
        if (status !== 429) continue;
        refusedAt = { sub, ticket };
        expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
        expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(86_400);
      }
      expect(statuses).toEqual([200, 200, 200, 429, 429]);
      await execute(small.databaseUrl, 'update release_volume set day = day - 1');
      expect((await fetchSecrets(refusedAt.sub, refusedAt.ticket, ALL_SCOPES, small)).status).toBe(200);
    } finally {
      await small.close();
    }
  });

  test('is not passed by coming all at once', async () => {
    const small = await openStage({ targets: [{ ...TARGETS[0], volume: { perDay: 5 } }] });
    try {
      const subs = Array.from({ length: 20 }, () => someone(small));
      const tickets = await Promise.all(subs.map((sub) => small.login(sub)));
      const answers = await Promise.all(
        subs.map((sub, n) => fetchSecrets(sub, tickets[n], ALL_SCOPES, small)),
      );
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(5);
      expect(answers.filter(({ status }) => status === 429)).toHaveLength(15);
    } finally {
      await small.close();
    }
  });
});

describe('a target with an encryption key', () => {
  test.each([
    ['RSA-OAEP-256', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['ECDH-ES', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['ECDH-ES', () => generateKeyPairSync('x25519')],
  ])('gets a JWE with %s that only it can open', async (alg, makeKeys) => {
    const { publicKey, privateKey } = makeKeys();
    const encryption = { ...publicKey.export({ format: 'jwk' }), kid: 'enc-1' };
    const sealed = await openStage({ targets: [{ ...TARGETS[0], encryption }] });
    try {
      const sub = someone(sealed);
      const answer = await fetchSecrets(sub, await sealed.login(sub), ALL_SCOPES, sealed);
      expect(answer.headers.get('content-type')).toBe('application/jose');
      expect(answer.text).not.toContain(CANARY.hash);
      const key = await importJWK(privateKey.export({ format: 'jwk' }), alg);
      const { plaintext, protectedHeader } = await compactDecrypt(answer.text, key);
      expect(protectedHeader).toMatchObject({ alg, enc: 'A256GCM', kid: 'enc-1', cty: 'json' });
      expect(JSON.parse(Buffer.from(plaintext).toString()).password.encoded).toBe(CANARY.hash);
    } finally {
      await sealed.close();
    }
  });
});
