/** The stand-in refuses what a real Kratos refuses, in the same words; each row was seen at one. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { passwordSettings } from '../../../src/credentials/password-settings.ts';
import { openPasswords } from '../../../src/credentials/passwords.ts';
import { kratos as kind } from '../../../src/targets/kratos/index.ts';
import { fixture, storedOf } from '../../credentials/vectors.ts';
import type { StandInKratos } from './index.ts';
import { startKratos } from './index.ts';

let kratos: StandInKratos;
beforeEach(async () => {
  kratos = await startKratos();
});
afterEach(() => kratos.close());

const HASH = '$2b$04$7ZOnFwFHfJHmrfms2vHwiOUZYxS08ZeqRa62tWZMmb6OXMUpUojau';
const someone = (name: string, more: object = {}) => ({
  schema_id: 'default',
  external_id: `ext-${name}`,
  traits: { email: `${name}@example.test`, username: name },
  credentials: { password: { config: { hashed_password: HASH } } },
  ...more,
});

interface Answered {
  readonly status: number;
  readonly document: {
    readonly id?: string;
    readonly error?: { readonly code: number; readonly message: string; readonly reason?: string };
    readonly identities?: readonly {
      readonly action: string;
      readonly identity?: string;
      readonly error?: { readonly code: number; readonly reason?: string };
    }[];
  };
}
async function call(method: string, path: string, body?: unknown): Promise<Answered> {
  const response = await fetch(kratos.url + path, {
    method,
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, document: text.startsWith('{') ? JSON.parse(text) : {} };
}
const batch = (...people: readonly object[]) =>
  call('PATCH', '/admin/identities', { identities: people.map((create) => ({ create })) });
const actions = ({ document }: Answered) => document.identities?.map(({ action }) => action);

describe('a batch', () => {
  const withTotp = { totp: { config: { totp_url: 'otpauth://totp/x?secret=JBSWY3DPEHPK3PXP' } } };
  const passkey = (user_handle: string) => ({
    passkey: { config: { user_handle, credentials: [{ id: 'AQID', public_key: 'AQID' }] } },
  });

  test.each([
    ['an unknown field', { shoe_size: 44 }, 400, 'json: unknown field "shoe_size"'],
    ['an unknown credential', { credentials: { pin: {} } }, 400, 'json: unknown field "pin"'],
    ['a value of another type', { external_id: 5 }, 400, 'cannot unmarshal number'],
    ['an organization that is no UUID', { organization_id: 'x' }, 400, 'uuid: incorrect UUID length'],
    ['a state that there is not', { state: 'asleep' }, 400, 'identity state is not valid'],
    ['a region that there is not', { region: 'atlantis' }, 400, 'region'],
    [
      'an unknown hash',
      { credentials: { password: { config: { hashed_password: 'x' } } } },
      400,
      'does not match any known hash format',
    ],
    ['no hash', { credentials: { password: { config: {} } } }, 400, 'does not match any known hash format'],
    [
      'a hash over the bounds',
      { credentials: { password: { config: { hashed_password: HASH.replace('$04', '$16') } } } },
      400,
      'exceed the bounds',
    ],
    [
      'a passkey without a user handle',
      { credentials: passkey('') },
      400,
      'requires a non-empty user_handle',
    ],
    ['a user handle that is no base64', { credentials: passkey('_-_-') }, 400, 'illegal base64'],
    ['a user handle that is no text', { credentials: passkey('//4B') }, 500, 'SQLSTATE 22021'],
    ['a NUL', { metadata_admin: { a: '\u0000' } }, 500, 'SQLSTATE 22P05'],
    ['an external id that is too long', { external_id: 'x'.repeat(65) }, 500, 'SQLSTATE 22001'],
    ['a blank login name', { traits: { email: 'c@example.test', username: ' ' } }, 500, 'empty identifier'],
  ])('with %s is refused as a whole', async (_what, more, status, words) => {
    const answer = await batch(someone('a'), someone('b'), someone('c', more));
    expect(answer.status).toBe(status);
    expect(JSON.stringify(answer.document.error)).toContain(words.replaceAll('"', '\\"'));
    expect(kratos.state().identities).toBe(0);
  });

  test('of more than a thousand is refused', async () => {
    const people = Array.from({ length: 1_001 }, (_none, at) => someone(`p${at}`));
    expect((await batch(...people)).status).toBe(400);
    expect(actions(await batch(...people.slice(1)))).toHaveLength(1_000);
  });

  test.each([
    [
      'no address',
      { traits: {} },
      /I\[#\/traits\] S\[#\/properties\/traits\/required\] missing properties: "email"/,
    ],
    [
      'an address that is none',
      { traits: { email: 'nonsense' } },
      /S\[#\/properties\/traits\/properties\/email\/format\] "nonsense" is not valid "email"/,
    ],
    [
      'a trait that there is not',
      { traits: { email: 'c@example.test', foo: 1 } },
      /additionalProperties "foo" not allowed/,
    ],
    ['a schema that there is not', { schema_id: 'other' }, /Unable to find JSON Schema ID/],
  ])('tells of %s in its row, and takes the others', async (_what, more, words) => {
    const answer = await batch(someone('a'), someone('c', more), someone('b'));
    expect(actions(answer)).toEqual(['create', 'error', 'create']);
    expect(answer.document.identities?.[1]?.error).toMatchObject({
      code: 400,
      reason: expect.stringMatching(words),
    });
  });

  test.each([
    ['external id', { external_id: 'ext-a' }],
    ['login name in other letters', { traits: { email: 'c@example.test', username: 'A' } }],
    ['address', { traits: { email: 'A@example.test' } }],
    ['link', { credentials: { oidc: { config: { providers: [{ provider: 'p', subject: '1' }] } } } }],
  ])('tells of the same %s in its row', async (_what, more) => {
    const link = { oidc: { config: { providers: [{ provider: 'p', subject: '1' }] } } };
    await batch(someone('a', { credentials: link }));
    expect(actions(await batch(someone('c', more), someone('d')))).toEqual(['error', 'create']);
    expect(actions(await batch(someone('c'), someone('e')))).toEqual(['create', 'create']);
  });

  test('of one who collides is a conflict as a whole', async () => {
    await batch(someone('a'));
    expect((await batch(someone('a'))).status).toBe(409);
    expect((await call('POST', '/admin/identities', someone('a'))).status).toBe(409);
  });

  test('that came twice is there once, and says so with the same sum', async () => {
    await batch(someone('a'), someone('b'));
    const { checksum } = kratos.state();
    expect(actions(await batch(someone('b'), someone('a')))).toEqual(['error', 'error']);
    expect(kratos.state()).toMatchObject({ identities: 2, duplicates: 0, checksum });
  });

  test('brings no second factor to an older one, which does not know the field', async () => {
    expect((await batch(someone('a', { credentials: withTotp }))).status).toBe(200);
    await kratos.close();
    kratos = await startKratos({ isOld: true });
    const answer = await batch(someone('a', { credentials: withTotp }));
    expect(answer).toMatchObject({
      status: 400,
      document: { error: { message: 'json: unknown field "totp"' } },
    });
  });
});

describe('an identity', () => {
  test('loses what an update does not send, except for its credentials', async () => {
    const { document } = await call('POST', '/admin/identities', someone('a', { metadata_admin: { a: 1 } }));
    const traits = { email: 'a@example.test' };
    await call('PUT', `/admin/identities/${document.id}`, { schema_id: 'default', state: 'active', traits });
    expect(kratos.identities.byId.get(document.id!)).toMatchObject({ metadata_admin: null, traits });
    expect(kratos.identities.byId.get(document.id!)).not.toHaveProperty('external_id');
    expect(await kratos.login('a@example.test', 'opensesame')).toMatchObject({ outcome: 'in' });
  });

  test('keeps its credentials and its id from a patch', async () => {
    const { document } = await call('POST', '/admin/identities', someone('a'));
    for (const path of ['/id', '/credentials', '/credentials/oidc/config'])
      expect(
        (await call('PATCH', `/admin/identities/${document.id}`, [{ op: 'replace', path, value: 1 }])).status,
      ).toBe(400);
    const gone = [{ op: 'remove', path: '/traits/locale' }];
    expect((await call('PATCH', `/admin/identities/${document.id}`, gone)).status).toBe(400);
  });

  test('keeps its last first factor', async () => {
    const credentials = { oidc: { config: { providers: [{ provider: 'p', subject: '1' }] } } };
    const { document } = await call('POST', '/admin/identities', someone('a', { credentials }));
    const path = `/admin/identities/${document.id}/credentials/oidc?identifier=p:1`;
    expect(await call('DELETE', path)).toMatchObject({
      status: 400,
      document: { error: { reason: expect.stringContaining('last first factor') } },
    });
  });
});

describe('a login', () => {
  const passwords = openPasswords(passwordSettings.parse({}));
  afterAll(() => passwords.close());

  test('computes the hash: real ones of several frameworks open with their password and with no other', async () => {
    const vectors = ['bcrypt', 'argon2', 'django', 'spring', 'unix', 'ldap'].flatMap(fixture);
    const given = vectors.flatMap((vector) => {
      const made = passwords.translate(storedOf(vector), kind.accepts);
      const isShort = Buffer.byteLength(vector.password ?? '') <= 72;
      return 'encoded' in made && vector.password !== null && isShort
        ? [{ vector, encoded: made.encoded }]
        : [];
    });
    const formats = new Map(given.map((one) => [/^\$?[^$]*/.exec(String(one.encoded))![0], one]));
    expect(formats.size).toBeGreaterThan(3);
    let number = 0;
    for (const { vector, encoded } of formats.values()) {
      const name = `v${number++}`;
      const made = await batch(
        someone(name, { credentials: { password: { config: { hashed_password: encoded } } } }),
      );
      expect(made.status).toBe(200);
      expect(await kratos.login(name, vector.password!), vector.id).toMatchObject({ outcome: 'in' });
      expect(await kratos.login(name, `${vector.password}x`.repeat(2))).toEqual({ outcome: 'refused' });
    }
  });

  test('asks the hook three times where it fails, and then nobody gets in', async () => {
    let asked = 0;
    const hook = createServer((_request, response) => {
      asked++;
      response.writeHead(500).end();
    });
    await new Promise<void>((resolve) => void hook.listen(0, '127.0.0.1', resolve));
    kratos.setHook({ url: `http://127.0.0.1:${(hook.address() as AddressInfo).port}/` });
    await batch(
      someone('a', { credentials: { password: { config: { use_password_migration_hook: true } } } }),
    );
    expect(await kratos.login('a', 'x')).toEqual({ outcome: 'unavailable' });
    expect(asked).toBe(3);
    kratos.setHook(undefined);
    expect(await kratos.login('a', 'x')).toEqual({ outcome: 'unavailable' });
    await new Promise((resolve) => hook.close(resolve));
  });
});

describe('what goes wrong', () => {
  test('hits its share of the calls, and as many as were said', async () => {
    kratos.fail(503, 0.25);
    const statuses = [];
    for (let number = 0; number < 8; number++) statuses.push((await call('GET', '/admin/identities')).status);
    expect(statuses.filter((status) => status === 503)).toHaveLength(2);
    kratos.recover();
    kratos.throttle(3, { times: 1, only: /^PATCH/ });
    expect((await call('GET', '/admin/identities')).status).toBe(200);
    expect((await batch(someone('a'))).status).toBe(429);
    expect((await batch(someone('a'))).status).toBe(200);
  });

  test('may go wrong after the work is done', async () => {
    kratos.dropAfter({ times: 1 });
    await expect(batch(someone('a'))).rejects.toThrow();
    expect(kratos.state().identities).toBe(1);
  });
});

describe('an app’s login', () => {
  const flow = async () => (await call('GET', '/self-service/login/api')).document.id!;
  interface Submitted {
    readonly status: number;
    readonly messages: readonly number[];
    readonly error: string | undefined;
  }
  async function submit(id: string, body: object, headers: Record<string, string> = {}): Promise<Submitted> {
    const response = await fetch(`${kratos.url}/self-service/login?flow=${id}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    const { ui, error } = (await response.json()) as {
      ui?: { messages?: { id: number }[] };
      error?: { message: string };
    };
    return {
      status: response.status,
      messages: ui?.messages?.map(({ id: number }) => number) ?? [],
      error: error?.message,
    };
  }
  const right = { method: 'password', identifier: 'ada', password: 'opensesame' };
  beforeEach(() => batch(someone('ada')));

  test.each<[string, object, Record<string, string>, object]>([
    ['a wrong password', { ...right, password: 'x' }, {}, { status: 400, messages: [4_000_006] }],
    ['a name that nobody has', { ...right, identifier: 'x' }, {}, { status: 400, messages: [4_000_006] }],
    ['an empty password', { ...right, password: '' }, {}, { status: 400, messages: [] }],
    ['another method', { ...right, method: 'x' }, {}, { status: 400, messages: [4_010_002] }],
    ['a cookie', right, { cookie: 'a=b' }, { status: 400, messages: [4_000_001] }],
  ])('is refused with %s', async (_what, body, headers, answer) => {
    expect(await submit(await flow(), body, headers)).toMatchObject(answer);
    expect(kratos.sessions.size).toBe(0);
  });

  test('is of no flow that there is not, and of nobody who was deactivated', async () => {
    expect(await submit('x', right)).toMatchObject({ status: 400 });
    expect(await submit('00000000-0000-4000-8000-000000000000', right)).toMatchObject({
      status: 404,
      error: 'Unable to locate the resource',
    });
    const ada = kratos.identities.byIdentifier('password', 'ada')!;
    kratos.identities.replace({ ...ada, state: 'inactive' });
    const told = { status: 401, error: 'identity is disabled' };
    expect(await submit(await flow(), right)).toMatchObject(told);
    expect(await submit(await flow(), { ...right, password: 'x' })).toMatchObject({ status: 400 });
  });

  test('begins a session, also twice in one flow', async () => {
    const id = await flow();
    expect([(await submit(id, right)).status, (await submit(id, right)).status]).toEqual([200, 200]);
    expect(kratos.sessions.size).toBe(2);
  });
});

test('runs as its own process, says where, and ends with whoever started it', async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'process.ts'), '--token', 't'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout, 'data');
  const { url } = JSON.parse(String(line)) as { url: string };
  const post = async (path: string, body: object, token = 't') => {
    const headers = { authorization: `Bearer ${token}` };
    return fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  };
  expect((await post('/admin/identities', someone('a'), 'other')).status).toBe(401);
  expect((await post('/admin/identities', someone('a'))).status).toBe(201);
  await post('/_faults', { fail: [500, 1, { times: 1, only: '^POST' }] });
  expect((await post('/admin/identities', someone('b'))).status).toBe(500);
  expect((await post('/admin/identities', someone('b'))).status).toBe(201);
  expect(await (await fetch(`${url}/_state`)).json()).toMatchObject({ identities: 2, duplicates: 0 });
  const login = await post('/_login', { identifier: 'a', password: 'opensesame' });
  expect(await login.json()).toMatchObject({ outcome: 'in' });
  const ended = once(child, 'exit');
  child.stdin.end();
  await ended;
});
