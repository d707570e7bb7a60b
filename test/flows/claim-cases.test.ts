/**
 * What makes ZITADEL's library refuse a login, case by case, and that none of it comes from us. The relying party is
 * the demo target's: issuer to the letter, Basic always, RS256, ES256 or PS256, userinfo as JSON, claims as Go reads them.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { inspect } from 'node:util';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Claims } from '../../example/demo/strict-claims.ts';
import { readClaims } from '../../example/demo/strict-claims.ts';
import type { ExternalLogin, RelyingPartyOptions } from '../../example/demo/target-rp.ts';
import { relyingParty } from '../../example/demo/target-rp.ts';
import { openDirectory } from '../../src/legacy/directory.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';
import { clientSettings } from '../../src/provider/provider-settings.ts';
import type { Stage } from '../provider/harness.ts';
import {
  ANNA,
  authorizationUrl,
  basic,
  CALLBACK,
  CLIENT,
  client,
  codeOf,
  openStage,
  submitLogin,
  userinfo,
  VERIFIER,
} from '../provider/harness.ts';
import { Browser } from '../support/browser.ts';
import { execute } from '../support/database.ts';
import { testDatabase } from '../support/postgres.ts';

interface Credentials {
  readonly login: string;
  readonly password: string;
}

/** One login at ZITADEL through us; rejects as ZITADEL would. */
async function arrive(
  stage: Stage,
  { person = ANNA, ...options }: Partial<RelyingPartyOptions> & { person?: Credentials } = {},
): Promise<ExternalLogin> {
  const party = relyingParty({
    issuer: stage.issuer,
    clientId: CLIENT.id,
    clientSecret: CLIENT.secret,
    usePkce: true,
    ...options,
  });
  const browser = new Browser();
  const { url, codeVerifier } = await party.begin({ state: 's', redirectUri: CALLBACK });
  const page = await browser.follow(url, CALLBACK);
  const end = await submitLogin(browser, page, person);
  return party.finish({ callback: new URL(end.location ?? 'x:'), state: 's', codeVerifier });
}

/** Why it was refused, with every cause; empty when it was not. */
const refusal = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => '',
    (error) => inspect(error, { depth: 5 }),
  );

/** The tokens as a client gets them for one person. */
async function tokensOf(stage: Stage, clientId: string, person: Credentials = ANNA) {
  const browser = new Browser();
  const scope = 'openid profile email phone';
  const page = await browser.follow(authorizationUrl(stage, { client_id: clientId, scope }), CALLBACK);
  const code = codeOf((await submitLogin(browser, page, person)).location);
  const form = {
    grant_type: 'authorization_code',
    code,
    redirect_uri: CALLBACK,
    code_verifier: VERIFIER,
  };
  const answer = await new Browser().visit(`${stage.issuer}/token`, { form, headers: basic(clientId) });
  return answer.json<{ id_token: string; access_token: string }>();
}

const idTokenOf = async (stage: Stage, clientId: string) => (await tokensOf(stage, clientId)).id_token;

describe('the relying party’s registration', () => {
  const ODD_SECRET = 'a+b/c:d%e=f &g';
  let stage: Stage;
  beforeAll(async () => {
    stage = await openStage({
      clients: [
        client({ pkce: 'optional' }),
        client({ clientId: 'post', authMethod: 'client_secret_post' }),
        client({ clientId: 'odd', secret: `${ODD_SECRET}${ODD_SECRET}` }),
        client({ clientId: 'elliptic', idTokenAlg: 'ES256' }),
        client({ clientId: 'signed', userinfoAlg: 'RS256' }),
        client({ clientId: 'mapping', claimsInIdToken: true }),
      ],
    });
  });
  afterAll(() => stage?.close());
  const discovered = async () =>
    (await new Browser().visit(`${stage.issuer}/.well-known/openid-configuration`)).json<
      Record<string, string[]>
    >();

  test.each([true, false])('as client_secret_basic, PKCE %s: logs in', async (usePkce) => {
    expect((await arrive(stage, { usePkce })).claims.sub).toBe('shop:anna');
  });

  test('as client_secret_basic with a wrong secret: is refused', async () => {
    expect(await refusal(arrive(stage, { clientSecret: `${CLIENT.secret}x` }))).toContain('invalid_client');
  });

  test('as client_secret_post, but called with Basic: logs in', async () => {
    expect((await arrive(stage, { clientId: 'post' })).claims.sub).toBe('shop:anna');
  });

  test('with a slash too many behind the issuer: fails at discovery, as the issuer has none', async () => {
    expect(await refusal(arrive(stage, { issuer: `${stage.issuer}/` }))).toContain('issuer does not match');
    expect((await discovered()).issuer).toBe(stage.issuer);
  });

  test(`with the characters of ${ODD_SECRET} in its secret: logs in, and only with that secret`, async () => {
    const login = (clientSecret: string) => arrive(stage, { clientId: 'odd', clientSecret });
    expect((await login(`${ODD_SECRET}${ODD_SECRET}`)).claims.sub).toBe('shop:anna');
    expect(await refusal(login(`${ODD_SECRET}${ODD_SECRET.replace('+', ' ')}`))).toContain('invalid_client');
  });

  test.each([
    { clientId: CLIENT.id, alg: 'RS256' },
    { clientId: 'elliptic', alg: 'ES256' },
  ])('with an ID token signed by $alg: logs in', async ({ clientId, alg }) => {
    expect((await arrive(stage, { clientId })).claims.sub).toBe('shop:anna');
    expect(decodeProtectedHeader(await idTokenOf(stage, clientId)).alg).toBe(alg);
  });

  test('with EdDSA: does not exist, neither offered nor published nor accepted in the settings', async () => {
    const { jwks_uri, ...metadata } = await discovered();
    expect(metadata.id_token_signing_alg_values_supported?.sort()).toEqual(['ES256', 'RS256']);
    expect(metadata.userinfo_signing_alg_values_supported?.sort()).toEqual(['ES256', 'RS256']);
    const { keys } = (await new Browser().visit(String(jwks_uri))).json<{ keys: { kty: string }[] }>();
    expect([...new Set(keys.map(({ kty }) => kty))].sort()).toEqual(['EC', 'RSA']);
    expect(clientSettings.safeParse(client({ idTokenAlg: 'ES256' })).success).toBe(true);
    expect(clientSettings.safeParse(client({ idTokenAlg: 'EdDSA' })).success).toBe(false);
  });

  test('with userinfo as a JWT: only where it was registered so; that one ZITADEL would refuse', async () => {
    expect((await arrive(stage)).claims.email).toBe(ANNA.email);
    expect(await refusal(arrive(stage, { clientId: 'signed' }))).toContain('application/jwt');
  });

  test('with isIdTokenMapping: the profile is in the ID token with claimsInIdToken, and not without', async () => {
    const mapped = readClaims(decodeJwt(await idTokenOf(stage, 'mapping')));
    expect(mapped).toMatchObject({
      sub: 'shop:anna',
      preferredUsername: 'anna',
      givenName: 'anna',
      familyName: 'Example',
      email: ANNA.email,
      emailVerified: true,
    });
    const short = decodeJwt(await idTokenOf(stage, CLIENT.id));
    expect(short).toMatchObject({ sub: 'shop:anna', aud: CLIENT.id });
    for (const claim of ['name', 'given_name', 'preferred_username', 'email', 'email_verified', 'locale']) {
      expect(short).not.toHaveProperty(claim);
    }
  });
});

type Row = Readonly<Record<string, string | number | bigint | Uint8Array | null>>;

/** A person about whom nothing is odd. */
const ORDINARY = {
  username: 'anna.muster',
  email: 'anna@example.com',
  confirmed: 1,
  first: 'Anna',
  last: 'Muster',
  nick: 'Annie',
  lang: 'de',
  tel: '+41 44 555 01 01',
  tel_ok: 0,
  changed: 1_700_000_000,
} satisfies Row;

const MAPPING = {
  username: 'username',
  email: 'email',
  emailVerified: 'confirmed',
  phoneNumber: 'tel',
  phoneNumberVerified: 'tel_ok',
  givenName: 'first',
  familyName: 'last',
  nickname: 'nick',
  locale: 'lang',
  updatedAt: 'changed',
  password: [{ format: 'generic-plaintext', columns: { password: 'pw' } }],
};

/** The stage, with one more thing to do when it is over. */
function closing(stage: Stage, after: () => Promise<void>): Stage {
  const { close } = stage;
  return Object.assign(stage, { close: () => close().finally(after) });
}

/** Footbridge before a legacy store with these rows; everybody's password is `pw`. */
async function bridgeTo(sql: object, mapping: object = {}): Promise<Stage> {
  const settings = legacySettings.parse({
    store: 'old',
    sql: { table: 'people', login: ['login'], ...sql },
    mapping: { ...MAPPING, ...mapping },
  });
  const directory = openDirectory(settings);
  const stage = await openStage({
    people: [],
    clients: [client(), client({ clientId: 'mapping', claimsInIdToken: true })],
    overrides: { directory, userBySub: directory.userBySub },
  });
  return closing(stage, directory.close);
}

/** SQLite keeps a value as it came, whatever the column: numbers among the names, words among the flags. */
async function bridgeToRows(rows: Readonly<Record<string, Row>>, mapping: object = {}): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'footbridge-claims-'));
  const file = join(folder, 'people.sqlite3');
  const db = new DatabaseSync(file);
  const columns = ['login', 'pw', ...Object.keys(ORDINARY)];
  db.exec(`create table people (id integer primary key, ${columns.join(', ')})`);
  const insert = db.prepare(
    `insert into people (${columns.join(', ')}) values (${columns.map(() => '?').join(', ')})`,
  );
  for (const [login, row] of Object.entries(rows)) {
    insert.run(login, 'pw', ...Object.values({ ...ORDINARY, ...row }));
  }
  db.close();
  const stage = await bridgeTo({ engine: 'sqlite', file }, mapping);
  return closing(stage, async () => rmSync(folder, { recursive: true, force: true }));
}

/** The claims as ZITADEL has them in the end, whichever way it takes them: by a login, from userinfo, from the ID token. */
async function claimsEveryWay(stage: Stage, login: string): Promise<readonly Claims[]> {
  const person = { login, password: 'pw' };
  const { claims } = await arrive(stage, { person });
  const { id_token, access_token } = await tokensOf(stage, 'mapping', person);
  const written = [(await userinfo(stage, access_token)).json(), decodeJwt(id_token)];
  written.forEach(expectStrictTypes);
  return [claims, ...written.map(readClaims)];
}

const TEXTS = [
  'sub',
  'name',
  'given_name',
  'family_name',
  'nickname',
  'preferred_username',
  'email',
  'phone_number',
];

/** The library forgives some claims of another type; we do not count on that. */
function expectStrictTypes(payload: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(payload)) {
    expect(value, name).not.toBeNull();
    if (TEXTS.includes(name)) expect(value, name).toMatch(/\S/);
    if (name.endsWith('_verified')) expect(value, name).toBeTypeOf('boolean');
    if (name === 'updated_at') expect(value).toSatisfy(Number.isSafeInteger);
    if (name === 'locale') expect(Intl.getCanonicalLocales(value as string)).toEqual([value]);
  }
}

interface Case {
  readonly row: Row;
  /** Absent claims read as empty text, `false` or 0. */
  readonly claims: Partial<Claims>;
}

const bytes = (text: string) => Buffer.from(text, 'utf8');

const CASES: Readonly<Record<string, Case>> = {
  'email_verified missing': { row: { confirmed: null }, claims: { emailVerified: false } },
  'email_verified false': { row: { confirmed: 'false' }, claims: { emailVerified: false } },
  'email_verified empty': { row: { confirmed: '' }, claims: { emailVerified: false } },
  'email_verified "0"': { row: { confirmed: '0' }, claims: { emailVerified: false } },
  'email_verified "true"': { row: { confirmed: 'true' }, claims: { emailVerified: true } },
  'email_verified 1': { row: { confirmed: 1 }, claims: { emailVerified: true } },
  'email_verified "yes"': { row: { confirmed: 'yes' }, claims: { emailVerified: true } },
  'email_verified a padded "Y"': { row: { confirmed: 'Y   ' }, claims: { emailVerified: true } },
  'email_verified of an address that is none': {
    row: { email: 'anna at example', confirmed: 1 },
    claims: { email: '', emailVerified: false },
  },
  'phone_number_verified "true"': { row: { tel_ok: 'true' }, claims: { phoneNumberVerified: true } },
  'phone_number_verified of no number': {
    row: { tel: null, tel_ok: 1 },
    claims: { phoneNumber: '', phoneNumberVerified: false },
  },
  'phone_number a number': { row: { tel: 41445550101 }, claims: { phoneNumber: '41445550101' } },
  'phone_number a remark': { row: { tel: 'ask his mother' }, claims: { phoneNumber: '' } },
  'given_name a number': { row: { first: 4711 }, claims: { givenName: '4711', name: '4711 Muster' } },
  'given_name a fraction, family_name a number beyond 2^53': {
    row: { first: 3.5, last: 9_007_199_254_740_993n },
    claims: { givenName: '3.5', familyName: '9007199254740993' },
  },
  'given_name of bytes': { row: { first: bytes('Jürgen') }, claims: { givenName: 'Jürgen' } },
  'given_name of bytes that are no text': {
    row: { first: Buffer.from([0xff, 0xfe]) },
    claims: { givenName: '-' },
  },
  'nickname and preferred_username numbers': {
    row: { nick: 7, username: 42 },
    claims: { nickname: '7', preferredUsername: '42' },
  },
  'locale de_CH': { row: { lang: 'de_CH' }, claims: { locale: 'de-CH' } },
  'locale of a server': { row: { lang: 'de_CH.UTF-8' }, claims: { locale: 'de-CH' } },
  'locale in capitals': { row: { lang: 'DE' }, claims: { locale: 'de' } },
  'locale not a tag': { row: { lang: 'Deutsch (Schweiz)' }, claims: { locale: '' } },
  'locale a list': { row: { lang: 'de,en;q=0.7' }, claims: { locale: '' } },
  'locale an array': { row: { lang: '["de","en"]' }, claims: { locale: '' } },
  'locale a number': { row: { lang: 1031 }, claims: { locale: '' } },
  'updated_at an ISO string': {
    row: { changed: '2024-01-31T12:30:00.5Z' },
    claims: { updatedAt: 1706704200 },
  },
  'updated_at without a zone': { row: { changed: '2024-01-31 12:30:00' }, claims: { updatedAt: 1706704200 } },
  'updated_at in milliseconds': { row: { changed: 1706704200123 }, claims: { updatedAt: 1706704200 } },
  'updated_at no time': { row: { changed: '31.01.2024' }, claims: { updatedAt: 0 } },
  'updated_at MySQL’s zero': { row: { changed: '0000-00-00 00:00:00' }, claims: { updatedAt: 0 } },
  'email missing': { row: { email: null }, claims: { email: '', emailVerified: false } },
  'preferred_username missing': {
    row: { username: null },
    claims: { preferredUsername: 'anna@example.com' },
  },
  'names missing': { row: { first: null, last: '' }, claims: { givenName: '-', familyName: '-', name: '' } },
  'names of blanks': {
    row: { first: '   ', last: '\t' },
    claims: { givenName: '-', familyName: '-', name: '' },
  },
};

const NULLS: Row = Object.fromEntries(Object.keys(ORDINARY).map((column) => [column, null]));

describe('a legacy row with', () => {
  let stage: Stage;
  beforeAll(async () => {
    const rows = Object.entries(CASES).map(([name, { row }]) => [name, row]);
    const unreadable = { ...ORDINARY, confirmed: 'perhaps' };
    stage = await bridgeToRows({ ...Object.fromEntries(rows), ordinary: {}, nulls: NULLS, unreadable });
  });
  afterAll(() => stage?.close());

  test('nothing odd arrives as it is', async () => {
    for (const claims of await claimsEveryWay(stage, 'ordinary')) {
      expect(claims).toEqual({
        sub: expect.stringMatching(/^old:\d+$/),
        name: 'Anna Muster',
        givenName: 'Anna',
        familyName: 'Muster',
        nickname: 'Annie',
        preferredUsername: 'anna.muster',
        email: 'anna@example.com',
        emailVerified: true,
        phoneNumber: '+41 44 555 01 01',
        phoneNumberVerified: false,
        locale: 'de',
        updatedAt: 1_700_000_000,
      });
    }
  });

  test.each(Object.entries(CASES))(
    '%s is read by the strict library, with the right value',
    async (name, { claims }) => {
      for (const read of await claimsEveryWay(stage, name)) expect(read).toMatchObject(claims);
    },
  );

  test('nothing but NULLs still logs in: the claims are absent, the names stand in', async () => {
    for (const claims of await claimsEveryWay(stage, 'nulls')) {
      expect(claims).toEqual({
        sub: expect.stringMatching(/^old:\d+$/),
        name: '',
        givenName: '-',
        familyName: '-',
        nickname: '',
        preferredUsername: claims.sub.slice('old:'.length),
        email: '',
        emailVerified: false,
        phoneNumber: '',
        phoneNumberVerified: false,
        locale: '',
        updatedAt: 0,
      });
    }
  });

  test('a flag that is neither yes nor no is not guessed: this login is refused, and no other', async () => {
    const browser = new Browser();
    const page = await browser.follow(authorizationUrl(stage), CALLBACK);
    const answer = await submitLogin(browser, page, { login: 'unreadable', password: 'pw' });
    expect(answer).toMatchObject({ status: 401, location: undefined });
    expect((await submitLogin(browser, page, { login: 'ordinary', password: 'pw' })).location).toContain(
      'code=',
    );
  });
});

describe('names that are missing', () => {
  test.each([
    { placeholder: '-', stands: '-' },
    { placeholder: 'username', stands: 'anna.muster' },
    { placeholder: 'none', stands: '' },
  ])('are filled with `$placeholder` where the mapping says so', async ({ placeholder, stands }) => {
    const rows = { nameless: { first: null, last: null }, half: { last: null } };
    const stage = await bridgeToRows(rows, { names: { placeholder } });
    try {
      for (const claims of await claimsEveryWay(stage, 'nameless')) {
        expect(claims).toMatchObject({ givenName: stands, familyName: stands, name: '' });
      }
      for (const claims of await claimsEveryWay(stage, 'half')) {
        expect(claims).toMatchObject({ givenName: 'Anna', familyName: stands, name: 'Anna' });
      }
    } finally {
      await stage.close();
    }
  });
});

describe('a legacy table with types of its own (PostgreSQL)', () => {
  const TABLE = `create table people (
    id uuid primary key default gen_random_uuid(), login text, pw text, username varchar(80), email char(40),
    confirmed char(5), first jsonb, last int, nick bytea, lang text[], tel bigint, tel_ok boolean, changed timestamptz);
  insert into people (login, pw, username, email, confirmed, first, last, nick, lang, tel, tel_ok, changed) values
    ('odd', 'pw', 'odd', 'odd@example.com', 'yes', '{"de": "Anna"}', 4711, 'Ännchen', '{de,en}', 41445550101, true, '2024-01-31 13:30:00+01'),
    ('plain', 'pw', 'plain', 'plain@example.com', 'f', '"Anna"', 0, null, null, null, false, 'infinity'),
    ('empty', 'pw', null, null, null, null, null, null, '{}', null, null, null)`;
  let stage: Stage;
  beforeAll(async () => {
    const database = await testDatabase({ empty: true });
    await execute(database.url, TABLE);
    const email = { column: 'email', transform: ['trim'] };
    const sql = { engine: 'postgresql', connection: database.url };
    stage = closing(await bridgeTo(sql, { email }), database.drop);
  });
  afterAll(() => stage?.close());

  test.each([
    {
      login: 'odd',
      claims: {
        givenName: '{"de": "Anna"}',
        familyName: '4711',
        nickname: 'Ännchen',
        email: 'odd@example.com',
        emailVerified: true,
        phoneNumber: '41445550101',
        phoneNumberVerified: true,
        locale: 'de',
        updatedAt: 1706704200,
      },
    },
    {
      login: 'plain',
      claims: {
        givenName: '"Anna"',
        familyName: '0',
        email: 'plain@example.com',
        emailVerified: false,
        phoneNumberVerified: false,
        updatedAt: 0,
      },
    },
    {
      login: 'empty',
      claims: { givenName: '-', familyName: '-', email: '', emailVerified: false, locale: '', updatedAt: 0 },
    },
  ])('brings the person $login with claims that the strict library reads', async ({ login, claims }) => {
    for (const read of await claimsEveryWay(stage, login)) expect(read).toMatchObject(claims);
  });
});
