import { createHmac } from 'node:crypto';
import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Credentials } from '../../src/user.ts';
import { assertionOf, newPasskey } from '../support/authenticator.ts';
import type { Answer } from '../support/browser.ts';
import { Browser, field } from '../support/browser.ts';
import { execute } from '../support/database.ts';
import type { Person, Stage } from './harness.ts';
import { ANNA, authorizationUrl, CALLBACK, codeOf, openStage, redeem, submitLogin } from './harness.ts';

const SEEDS = [Buffer.from('12345678901234567890'), Buffer.from('abcdefghijabcdefghij')];
const [totp, second] = SEEDS.map((secret) => ({
  secret,
  digits: 6 as const,
  periodSeconds: 30,
  algorithm: 'SHA1' as const,
}));
const mine = newPasskey({ signCount: 5 });
const yours = newPasskey();
const elsewhere = newPasskey({ rpId: 'other.example' });
const CODES = [{ code: 'e58d3023' }, { code: '4427d323' }];

const person = (login: string, credentials: Partial<Credentials>): Person => ({
  login,
  password: `pw of ${login}`,
  credentials,
});
const PIA = person('pia', { passkeys: [mine.passkey], passkeyIsFactor: true });
const PAUL = person('paul', { passkeys: [yours.passkey], passkeyIsFactor: true });
const QUENTIN = person('quentin', {
  totp: totp!,
  furtherTotp: [second!],
  passkeys: [newPasskey().passkey],
  passkeyIsFactor: true,
  recoveryCodes: CODES,
});
const OLGA = person('olga', { totp: totp!, recoveryCodes: CODES });
const EMIL = person('emil', { passkeys: [elsewhere.passkey], passkeyIsFactor: true });
const PETRA = person('petra', {
  passkeys: [newPasskey().passkey],
  passkeyIsFactor: false,
  recoveryCodes: CODES,
});

let stage: Stage;
beforeAll(async () => {
  stage = await openStage({
    people: [ANNA, PIA, PAUL, QUENTIN, OLGA, EMIL, PETRA],
    settings: { login: { failureFloorMs: 0, factorFailures: 5, networkFailures: 1000, blockSeconds: 60 } },
  });
});
afterAll(() => stage.close());
afterEach(async () => {
  const tables = 'login_attempts, totp_uses, passkey_counters, spent_challenges, recovery_code_uses';
  await execute(stage.databaseUrl, `truncate ${tables}`);
});

/** Past the right password: the page of the second step, and how to answer it. */
async function secondStep(who: Person, browser = new Browser()) {
  const login = await browser.follow(authorizationUrl(stage), CALLBACK);
  const page = await submitLogin(browser, login, who);
  const url = login.url.split('?')[0]!;
  const post = (from: Answer, fields: Record<string, string>) => {
    const form = { form_token: field(from.body, 'form_token')!, step: field(from.body, 'step')!, ...fields };
    return browser.follow(url, CALLBACK, { form });
  };
  return { page, post, browser };
}

const challengeOf = (page: Answer) => {
  const options = /data-options="([^"]*)"/.exec(page.body)?.[1]?.replaceAll('&quot;', '"');
  return JSON.parse(options ?? '{}').challenge as string;
};

function assertionFields(page: Answer, by = mine, change: object = {}): Record<string, string> {
  const ceremony = { challenge: challengeOf(page), origin: stage.issuer, rpId: '127.0.0.1', signCount: 6 };
  const assertion = assertionOf(by.passkey.credentialId, by.privateKey, { ...ceremony, ...change });
  return {
    factor: 'passkey',
    credential_id: assertion.credentialId,
    client_data: assertion.clientData,
    authenticator_data: assertion.authenticatorData,
    signature: assertion.signature,
    user_handle: '',
  };
}

const codeNow = (secret: Buffer, steps = 0) => {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const digest = createHmac('sha1', secret).update(counter).digest();
  return String((digest.readUInt32BE(digest.at(-1)! & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
};

describe('a passkey as second factor', () => {
  test('is asked for after the password and opens, and the tokens say how', async () => {
    const { page, post } = await secondStep(PIA);
    expect(page.status).toBe(200);
    const end = await post(page, assertionFields(page));
    const { id_token } = (await redeem(stage, codeOf(end.location))).json<Record<string, string>>();
    expect(decodeJwt(id_token!)).toMatchObject({ amr: ['pwd', 'pop'], acr: 'urn:footbridge:acr:2' });
  });

  test('has a page that may run our own script, and it alone may', async () => {
    const { page } = await secondStep(PIA);
    expect(page.headers['content-security-policy']).toContain("script-src 'self';");
    const path = /<script src="([^"]+)"/.exec(page.body)?.[1];
    const script = await new Browser().visit(`${stage.issuer}${path}`);
    expect(script.headers['content-type']).toContain('text/javascript');
    expect(script.headers['content-security-policy']).toContain("script-src 'none';");
    const { page: other } = await secondStep(OLGA);
    expect(other.headers['content-security-policy']).toContain("script-src 'none';");
    expect(other.body).not.toContain('<script');
  });

  test.each<[string, object]>([
    ['another origin', { origin: 'https://evil.example' }],
    ['another domain', { rpId: 'evil.example' }],
    ['a challenge of its own', { challenge: Buffer.alloc(32, 1).toString('base64url') }],
  ])('is refused for %s, and the next page has a new challenge', async (_what, change) => {
    const { page, post } = await secondStep(PIA);
    const refused = await post(page, assertionFields(page, mine, change));
    expect(refused.status).toBe(401);
    expect(challengeOf(refused)).not.toBe(challengeOf(page));
    expect((await post(refused, assertionFields(refused))).location).toContain('code=');
  });

  test('is refused when it is somebody else’s, or signed by their key', async () => {
    const { page, post } = await secondStep(PIA);
    expect((await post(page, assertionFields(page, yours))).status).toBe(401);
    const mixed = { ...yours, passkey: mine.passkey };
    expect((await post(page, assertionFields(page, mixed))).status).toBe(401);
    expect((await post(page, { factor: 'passkey' })).status).toBe(401);
  });

  test('answers a challenge once, and only in the login it was made for', async () => {
    const { page, post, browser } = await secondStep(PAUL);
    const fields = assertionFields(page, yours, { signCount: 0 });
    const twin = browser.copy();
    expect((await post(page, fields)).location).toContain('code=');
    browser.cookies = twin.cookies;
    expect((await post(page, fields)).status).toBe(401);
    const other = await secondStep(PAUL);
    expect((await other.post(other.page, fields)).status).toBe(401);
    // The step of one login is not that of another.
    const stolen = await other.post(other.page, { ...fields, step: field(page.body, 'step')! });
    expect(stolen.status).toBe(400);
  });

  test('whose counter goes back is refused, and the audit log says so', async () => {
    const first = await secondStep(PIA);
    expect(
      (await first.post(first.page, assertionFields(first.page, mine, { signCount: 9 }))).location,
    ).toContain('code=');
    for (const signCount of [9, 8, 0]) {
      const { page, post } = await secondStep(PIA);
      expect((await post(page, assertionFields(page, mine, { signCount }))).status).toBe(401);
    }
    const rows = await execute(stage.databaseUrl, 'select action from audit_log where subject is not null');
    expect(rows.map(({ action }) => action)).toEqual(Array(3).fill('login.passkey_counter_regressed'));
  });

  test('is guessed at most five times', async () => {
    const { page, post } = await secondStep(PIA);
    const wrong = assertionFields(page, mine, { origin: 'https://evil.example' });
    for (let i = 0; i < 5; i++) expect((await post(page, wrong)).status).toBe(401);
    const answer = await post(page, assertionFields(page));
    expect(answer.status).toBe(429);
    expect(answer.body).toContain('data-options');
  });

  test('that was made for another domain lets nobody in with the password alone, and the page says why', async () => {
    const { page, browser } = await secondStep(EMIL);
    expect(page.status).toBe(403);
    expect(page.body).toContain('second factor does not work here');
    expect(browser.cookies.some(({ name }) => name === 'fb_session')).toBe(false);
  });

  test('is not asked of those whose store uses it in the password’s place', async () => {
    const { page } = await secondStep(PETRA);
    expect(page.location).toContain('code=');
  });
});

describe('required user verification', () => {
  let strict: Stage;
  beforeAll(async () => {
    const login = { failureFloorMs: 0, passkeys: { userVerification: 'required' } };
    strict = await openStage({ people: [PIA], settings: { login } });
  });
  afterAll(() => strict.close());

  test.each([
    ['refuses a key that did not check who was there', 1, 401],
    ['accepts one that did', 5, 303],
  ])('%s', async (_what, flags, status) => {
    const usual = stage;
    stage = strict;
    try {
      const { page, post } = await secondStep(PIA);
      expect((await post(page, assertionFields(page, mine, { flags }))).status).toBe(status);
    } finally {
      stage = usual;
    }
  });
});

describe('a person with several factors', () => {
  test('sees the passkey first and may choose another, without any script', async () => {
    const { page, post } = await secondStep(QUENTIN);
    expect(page.body).toContain('data-options');
    expect([...page.body.matchAll(/name="other" value="(\w+)"/g)].map(([, way]) => way)).toEqual([
      'totp',
      'recovery',
    ]);
    const codePage = await post(page, { other: 'totp' });
    expect(codePage.status).toBe(200);
    expect((await post(codePage, { factor: 'totp', code: codeNow(SEEDS[0]!) })).location).toContain('code=');
  });

  test('may use any of their devices, each code once', async () => {
    const { page, post, browser } = await secondStep(QUENTIN);
    const codePage = await post(page, { other: 'totp' });
    const before = browser.copy().cookies;
    const code = codeNow(SEEDS[1]!);
    expect((await post(codePage, { factor: 'totp', code })).location).toContain('code=');
    browser.cookies = before;
    expect((await post(codePage, { factor: 'totp', code })).status).toBe(401);
    // What one device has spent is not spent for the other.
    const again = await secondStep(QUENTIN);
    const next = await again.post(again.page, { other: 'totp' });
    expect((await again.post(next, { factor: 'totp', code: codeNow(SEEDS[0]!) })).location).toContain(
      'code=',
    );
  });

  test('cannot choose a factor they do not have', async () => {
    const { page, post } = await secondStep(OLGA);
    expect((await post(page, { other: 'passkey' })).status).toBe(401);
    expect((await post(page, { factor: 'passkey', code: 'e58d3023' })).status).toBe(401);
  });
});

describe('a recovery code', () => {
  const recoveryPage = async (who: Person) => {
    const { page, post } = await secondStep(who);
    return { page: await post(page, { other: 'recovery' }), post };
  };

  test('opens once in place of the second factor', async () => {
    const first = await recoveryPage(OLGA);
    const end = await first.post(first.page, { factor: 'recovery', code: 'e58d 3023' });
    const { id_token } = (await redeem(stage, codeOf(end.location))).json<Record<string, string>>();
    expect(decodeJwt(id_token!)).toMatchObject({ amr: ['pwd', 'otp'], acr: 'urn:footbridge:acr:2' });
    const again = await recoveryPage(OLGA);
    expect((await again.post(again.page, { factor: 'recovery', code: 'e58d3023' })).status).toBe(401);
    expect((await again.post(again.page, { factor: 'recovery', code: '4427d323' })).location).toContain(
      'code=',
    );
    // Each person has codes of their own.
    const other = await recoveryPage(QUENTIN);
    expect((await other.post(other.page, { factor: 'recovery', code: 'e58d3023' })).location).toContain(
      'code=',
    );
  });

  test('is guessed at most five times, together with the other factors', async () => {
    const { page, post } = await recoveryPage(OLGA);
    for (let i = 0; i < 4; i++)
      expect((await post(page, { factor: 'recovery', code: `0000000${i}` })).status).toBe(401);
    expect((await post(page, { factor: 'totp', code: '000000' })).status).toBe(401);
    expect((await post(page, { factor: 'recovery', code: 'e58d3023' })).status).toBe(429);
  });

  test('is no one-time code, and the other way round', async () => {
    const { page, post } = await recoveryPage(OLGA);
    expect((await post(page, { factor: 'totp', code: 'e58d3023' })).status).toBe(401);
    expect((await post(page, { factor: 'recovery', code: codeNow(SEEDS[0]!) })).status).toBe(401);
  });
});
