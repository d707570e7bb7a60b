/** The bodies of ZITADEL's calls: plain, signed by the instance, or encrypted to us; and what does not pass for one. */
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CryptoKey, JWK } from 'jose';
import { CompactEncrypt, CompactSign, exportJWK, generateKeyPair } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FootbridgeError } from '../../../src/errors.ts';
import { Secret } from '../../../src/settings.ts';
import type { OpenPayload } from '../../../src/targets/hook.ts';
import { zitadelPayloads } from '../../../src/targets/zitadel/payload.ts';

const NOW = 1_800_000_000;
const MESSAGE = { fullMethod: '/zitadel.session.v2.SessionService/SetSession', request: { sessionId: 'x' } };

interface Pair {
  readonly kid: string;
  readonly alg: string;
  readonly publicKey: CryptoKey;
  readonly privateKey: CryptoKey;
}
async function pair(alg: string, kid: string): Promise<Pair> {
  return { alg, kid, ...(await generateKeyPair(alg, { extractable: true })) };
}
const publicJwk = async ({ publicKey, kid, alg }: Pair): Promise<JWK> => ({
  ...(await exportJWK(publicKey)),
  kid,
  alg,
  use: 'sig',
});

let instance: Pair;
let stranger: Pair;
let rsa: Pair;
let ec: Pair;
let retired: Pair;
let jwks: Server;
let url: string;
/** What the instance publishes, and how it answers. */
let published: JWK[];
let status: number;
let asked: number;

beforeAll(async () => {
  [instance, stranger, rsa, ec, retired] = await Promise.all([
    pair('RS256', 'instance'),
    pair('RS256', 'instance'),
    pair('RSA-OAEP-256', 'ours-rsa'),
    pair('ECDH-ES+A256KW', 'ours-ec'),
    pair('RSA-OAEP-256', 'retired'),
  ]);
  jwks = createServer((req, res) => {
    asked += 1;
    res.writeHead(req.url === '/oauth/v2/keys' ? status : 404, { 'content-type': 'application/json' });
    res.end(JSON.stringify({ keys: published }));
  });
  await new Promise<void>((resolve) => jwks.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(jwks.address() as AddressInfo).port}`;
});
afterAll(() => jwks.close());
beforeEach(async () => {
  published = [await publicJwk(instance)];
  status = 200;
  asked = 0;
});

async function opener(keys: readonly Pair[] = [rsa, ec]): Promise<OpenPayload> {
  const jwksOf = await Promise.all(
    keys.map(
      async ({ privateKey, kid }) => new Secret(JSON.stringify({ ...(await exportJWK(privateKey)), kid })),
    ),
  );
  const decryptionKeys = async (hook: string) => (hook === 'session' ? jwksOf : []);
  return zitadelPayloads({ api: { url } }, { decryptionKeys, nowSeconds: () => NOW });
}

function jwt(message: unknown, { privateKey, alg, kid }: Pair = instance): Promise<string> {
  return new CompactSign(Buffer.from(JSON.stringify(message)))
    .setProtectedHeader({ alg, kid })
    .sign(privateKey);
}

function jwe(text: string, { publicKey, alg, kid }: Pair = rsa, more: object = {}): Promise<string> {
  const header = { alg, enc: 'A256GCM', typ: 'JWT', cty: 'JWT', kid, ...more };
  return new CompactEncrypt(Buffer.from(text)).setProtectedHeader(header).encrypt(publicKey);
}

async function open(body: string, hook = 'session', keys?: readonly Pair[]) {
  return (await opener(keys))(hook, Buffer.from(body));
}
const refusal = (body: string | Promise<string>, hook?: string, keys?: readonly Pair[]) =>
  Promise.resolve(body)
    .then((text) => open(text, hook, keys))
    .then(
      () => 'opened',
      (error) => (error instanceof FootbridgeError ? error.code : error),
    );

describe('JSON', () => {
  test('is the message itself, and no key is asked for', async () => {
    expect(await open(JSON.stringify(MESSAGE))).toEqual(MESSAGE);
    expect(asked).toBe(0);
  });

  test.each([
    ['half of it', '{"fullMethod":'],
    ['a list', '[]'],
    ['a text', '"abc"'],
    ['null', 'null'],
    ['nothing', ''],
    ['two dotted words', 'abc.def'],
    ['four dotted words', 'a.b.c.d'],
    ['HTML', '<html></html>'],
  ])('that is %s is refused', async (_what, body) => {
    expect(await refusal(body)).toBe('bad_request');
  });

  test('that is not UTF-8 is refused', async () => {
    const read = await opener();
    await expect(read('session', Buffer.from([0x7b, 0xff, 0x7d]))).rejects.toMatchObject({
      code: 'bad_request',
    });
  });
});

describe('a JWT', () => {
  test('of the instance is opened, though it names neither issuer nor audience nor time', async () => {
    expect(await open(await jwt(MESSAGE))).toEqual(MESSAGE);
  });

  test('asks for the instance’s keys once', async () => {
    const read = await opener();
    for (const sequence of [1, 2, 3])
      expect(await read('session', Buffer.from(await jwt({ sequence })))).toEqual({ sequence });
    expect(asked).toBe(1);
  });

  test('of somebody else under the same key id is refused', async () => {
    expect(await refusal(jwt(MESSAGE, stranger))).toBe('bad_signature');
  });

  test('of a key that the instance does not publish is refused', async () => {
    expect(await refusal(jwt(MESSAGE, { ...stranger, kid: 'unknown' }))).toBe('bad_signature');
  });

  test('that was changed is refused', async () => {
    const [header, , signature] = (await jwt(MESSAGE)).split('.');
    const other = Buffer.from(JSON.stringify({ ...MESSAGE, userID: 'me' })).toString('base64url');
    expect(await refusal(`${header}.${other}.${signature}`)).toBe('bad_signature');
  });

  test('without a signature is refused, however it says so', async () => {
    const body = Buffer.from(JSON.stringify(MESSAGE)).toString('base64url');
    for (const alg of ['none', 'None', 'NONE']) {
      const header = Buffer.from(JSON.stringify({ alg })).toString('base64url');
      expect(await refusal(`${header}.${body}.`)).toBe('bad_signature');
    }
  });

  test('signed with the public key as a shared one is refused', async () => {
    const text = JSON.stringify(await publicJwk(instance));
    const forged = new CompactSign(Buffer.from(JSON.stringify(MESSAGE)))
      .setProtectedHeader({ alg: 'HS256', kid: 'instance' })
      .sign(Buffer.from(text));
    expect(await refusal(forged)).toBe('bad_signature');
  });

  test.each([
    ['issued too long ago', { iat: NOW - 301 }],
    ['issued in the future', { iat: NOW + 301 }],
    ['expired', { exp: NOW - 300 }],
  ])('that was %s is refused', async (_what, times) => {
    expect(await refusal(jwt({ ...MESSAGE, ...times }))).toBe('bad_signature');
  });

  test('with times that hold is opened', async () => {
    const times = { iat: NOW - 299, exp: NOW + 1 };
    expect(await open(await jwt({ ...MESSAGE, ...times }))).toEqual({ ...MESSAGE, ...times });
  });

  test('with something else than a message in it is refused', async () => {
    expect(await refusal(jwt('abc'))).toBe('bad_request');
  });

  test('is nobody’s fault while the instance does not tell its keys', async () => {
    status = 503;
    expect(await refusal(jwt(MESSAGE))).toBe('target_unavailable');
  });

  test('is refused where nothing says what the instance is', async () => {
    const read = zitadelPayloads({}, { decryptionKeys: async () => [], nowSeconds: () => NOW });
    await expect(read('session', Buffer.from(await jwt(MESSAGE)))).rejects.toMatchObject({
      code: 'bad_signature',
    });
  });
});

describe('a JWE', () => {
  test('to our RSA key or EC key is opened, and the JWT in it verified', async () => {
    expect(await open(await jwe(await jwt(MESSAGE), rsa))).toEqual(MESSAGE);
    expect(await open(await jwe(await jwt(MESSAGE), ec))).toEqual(MESSAGE);
  });

  test('to a key before the last rotation is opened as long as we have it', async () => {
    const body = await jwe(await jwt(MESSAGE), retired);
    expect(await open(body, 'session', [rsa, retired])).toEqual(MESSAGE);
    expect(await refusal(body, 'session', [rsa])).toBe('bad_signature');
  });

  test('to the key of another hook is refused', async () => {
    expect(await refusal(jwe(await jwt(MESSAGE)), 'intent')).toBe('bad_signature');
  });

  test('to somebody else’s key under our key’s id is refused', async () => {
    expect(await refusal(jwe(await jwt(MESSAGE), { ...retired, kid: rsa.kid }))).toBe('bad_signature');
  });

  test('with a JWT of somebody else in it is refused: anybody can encrypt to us', async () => {
    expect(await refusal(jwe(await jwt(MESSAGE, stranger)))).toBe('bad_signature');
  });

  test('with an unsigned message in it is refused', async () => {
    expect(await refusal(jwe(JSON.stringify(MESSAGE)))).toBe('bad_request');
  });

  test('made otherwise than ZITADEL makes them is refused', async () => {
    const inner = await jwt(MESSAGE);
    expect(await refusal(jwe(inner, rsa, { enc: 'A128CBC-HS256' }))).toBe('bad_signature');
    const shared = new CompactEncrypt(Buffer.from(inner))
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: rsa.kid })
      .encrypt(new Uint8Array(32));
    expect(await refusal(shared)).toBe('bad_signature');
  });
});
