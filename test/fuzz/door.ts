/**
 * A whole Footbridge with every route that it can have, and a way to send it what no client library would: requests as bytes
 * on a socket.
 */
import { connect } from 'node:net';
import fc from 'fast-check';
import { expect } from 'vitest';
import { openConsoleWorld } from '../admin/console/world.ts';
import { Browser, field } from '../support/browser.ts';
import { anyJson, anyText } from './hostile.ts';

export const CLIENT = { id: 'new-one', secret: 'secret-of-the-target-0123456789' };
export const DROP_IN_KEY = 'key-of-a-drop-in-0123456789';
export const WEBHOOK_KEY = 'key-of-a-webhook-0123456789';
export const APP_KEY = 'key of a legacy app of thirty-two bytes';
const CALLBACK = 'http://127.0.0.1:9/cb';
/** Nobody listens there. */
const NOBODY = 'http://127.0.0.1:9';

export type Door = Awaited<ReturnType<typeof openDoor>>;

export async function openDoor() {
  const world = await openConsoleWorld({
    change: (settings) => {
      settings.provider.login = { failureFloorMs: 0, networkLookups: 100_000 };
      settings.provider.clients = [
        {
          clientId: CLIENT.id,
          secret: CLIENT.secret,
          redirectUris: [CALLBACK],
          postLogoutRedirectUris: [`${NOBODY}/bye`],
          grantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
        },
      ];
      const [target] = settings.targets;
      const another = (name: string, kind: string, more: object) => ({
        ...target,
        name,
        kind,
        clientIds: [],
        ...more,
      });
      settings.targets.push(
        another('zit', 'zitadel', {}),
        another('ory', 'kratos', { webhook: { apiKey: { name: 'x-key', value: WEBHOOK_KEY } } }),
        another('cid', 'cidaas', { webhook: { apiKey: { name: 'x-key', value: WEBHOOK_KEY } } }),
        another('key', 'keycloak', { webhook: { apiKey: { name: 'x-key', value: WEBHOOK_KEY } } }),
        another('hub', 'hub', {
          hub: { url: NOBODY, webhook: { secret: WEBHOOK_KEY } },
          signIn: { clientId: 'c', clientSecret: 'a secret of ours' },
        }),
      );
      settings.dropIns = ['ory', 'keycloak', 'okta', 'fusionauth', 'cognito', 'auth0'].map((kind) => ({
        kind,
        name: kind,
        auth: { bearer: DROP_IN_KEY },
      }));
      settings.dropIns.push({ kind: 'cidaas', name: 'cidaas', target: 'cid', auth: { bearer: DROP_IN_KEY } });
      settings.legacySessions = [
        {
          kind: 'jwt-cookie',
          name: 'portal',
          cookie: 'legacy',
          issuer: 'https://legacy.example',
          audience: 'portal',
          key: APP_KEY,
          keys: [{ id: 'one', key: APP_KEY }],
          secure: false,
        },
      ];
      settings.claimTokens = [{ target: 'hub', contact: 'help@example.com' }];
      settings.sync = { intake: { hmacKeys: [{ id: 'one', key: APP_KEY }] } };
    },
  });
  const [publicDoor, privateDoor] = [world.issuer, world.origin].map((origin) => ({
    origin,
    send: sender(origin),
  }));
  return {
    ...world,
    publicDoor: publicDoor!,
    privateDoor: privateDoor!,
    token: await machineToken(world.issuer),
    page: await loginPage(world.issuer),
  };
}

async function machineToken(issuer: string): Promise<string> {
  const answer = await new Browser().visit(`${issuer}/token`, {
    form: { grant_type: 'client_credentials', scope: 'migration:read migration:secrets migration:write' },
    headers: { authorization: basic(CLIENT.id, CLIENT.secret) },
  });
  return answer.json<{ access_token: string }>().access_token;
}

export const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

export const AUTHORIZATION = {
  client_id: CLIENT.id,
  redirect_uri: CALLBACK,
  response_type: 'code',
  scope: 'openid profile',
  code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  code_challenge_method: 'S256',
};

/** A login under way, in a browser that has its cookies. */
async function loginPage(issuer: string) {
  const browser = new Browser();
  const page = await browser.follow(`${issuer}/auth?${new URLSearchParams(AUTHORIZATION)}`, CALLBACK);
  const { pathname } = new URL(page.url);
  return {
    path: pathname,
    formToken: field(page.body, 'form_token') ?? '',
    cookies: browser.cookies.map(({ name, value }) => `${name}=${value}`),
  };
}

export interface Sent {
  readonly method?: string;
  /** With its query, as it goes over the wire. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | undefined;
}

export interface Received {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

function sender(origin: string) {
  const { hostname, port, host } = new URL(origin);
  return ({ method = 'GET', path, headers = {}, body = '' }: Sent) =>
    new Promise<Received>((resolve, reject) => {
      const bytes = Buffer.from(body);
      const all = {
        host,
        ...headers,
        ...(bytes.length > 0 || method === 'POST' ? { 'content-length': String(bytes.length) } : {}),
        connection: 'close',
      };
      const head = [
        `${method} ${path} HTTP/1.1`,
        ...Object.entries(all).map(([name, value]) => `${name}: ${value}`),
        '',
        '',
      ].join('\r\n');
      const chunks: Buffer[] = [];
      const socket = connect(Number(port), hostname, () => {
        socket.write(head, 'latin1');
        socket.write(bytes);
      });
      const done = () => {
        const answer = Buffer.concat(chunks).toString('utf8');
        const end = answer.indexOf('\r\n\r\n');
        resolve({
          status: Number(answer.split(' ')[1] ?? 0),
          head: answer.slice(0, end),
          body: answer.slice(end + 4),
        });
      };
      socket.on('data', (chunk) => chunks.push(chunk));
      // A door that is shut before all was sent has answered all the same.
      socket.on('error', (error) =>
        chunks.length > 0
          ? done()
          : (error as NodeJS.ErrnoException).code === 'EPIPE' ||
              (error as NodeJS.ErrnoException).code === 'ECONNRESET'
            ? done()
            : reject(error),
      );
      socket.on('close', done);
    });
}

/** Nothing that anybody sends may come back as a part of a page. */
export const SCRIPT = '<script>fuzz</script>';
const LONGEST_ANSWER = 400_000;

/** What holds for every answer, whatever was sent. */
export function expectGoodAnswer({ status, head, body }: Received, outages: readonly string[] = []): void {
  const isOutage = status >= 500 && outages.some((code) => body.includes(`"${code}"`));
  if (!isOutage) expect(status, body.slice(0, 500)).toBeLessThan(500);
  expect(body.length).toBeLessThan(LONGEST_ANSWER);
  expect(body).not.toContain('server_error');
  if (/content-type: text\/html/i.test(head)) expect(body).not.toContain(SCRIPT);
}

/** A value as people, programs and attackers fill it in. */
export const anyValue: fc.Arbitrary<string> = fc.oneof(
  { weight: 8, arbitrary: anyText({ maxLength: 80, longest: 4_000 }) },
  { weight: 1, arbitrary: fc.constant(SCRIPT) },
);

/** Percent-encoded as a form does it, or so that no decoder can read it. */
export const encodings: fc.Arbitrary<(text: string) => string> = fc.constantFrom(
  (text: string) => encodeURIComponent(text.toWellFormed()),
  (text: string) => encodeURIComponent(text.toWellFormed()),
  (text: string) => encodeURIComponent(text.toWellFormed()).replaceAll('%20', '+'),
  (text: string) =>
    [...Buffer.from(text, 'utf16le')].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  (text: string) => text.replace(/[^\x21-\x7e]/g, '').replaceAll('#', ''),
);

/** `a=1&b=2` of these names and others. */
export const pairs = (names: readonly string[], given: Readonly<Record<string, string>> = {}) =>
  fc
    .tuple(
      fc.array(
        fc.tuple(
          fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...names) }, { weight: 1, arbitrary: anyValue }),
          anyValue,
          encodings,
        ),
        { maxLength: 5 },
      ),
      fc.boolean(),
    )
    .map(([all, isWhole]) => {
      const own = Object.entries(isWhole ? given : {}).filter(
        ([name]) => !all.some(([other]) => other === name),
      );
      return [
        ...own.map(([name, value]) => `${name}=${encodeURIComponent(value)}`),
        ...all.map(([name, value, encoded]) => `${encoded(name)}=${encoded(value)}`),
      ].join('&');
    });

/** Names, as they are written in a line. */
export const words = (line: string): string[] => line.split(' ');

export const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
export const JSON_TYPE = { 'content-type': 'application/json' };

/** What stands between two slashes, or does not. */
export const segment: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(anyValue, encodings).map(([text, encoded]) => encoded(text)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', ...words('%00 %2e%2e .. % %ff __proto__ constructor hub new-one')),
  },
);

/** One line of a header, as a client may put it there. */
export const headerLine: fc.Arbitrary<string> = anyValue.map((text) =>
  Buffer.from(text)
    .toString('latin1')
    .replace(/[^\x20-\x7e\x80-\xff]/g, ''),
);

/** A JSON body with these members, or any. */
export const body = (members: readonly string[], values: readonly unknown[] = []) => {
  const value = fc.oneof(anyJson, anyValue, ...(values.length > 0 ? [fc.constantFrom(...values)] : []));
  const known = fc.dictionary(fc.constantFrom(...members), value, { maxKeys: 6 });
  return fc.oneof(known, anyJson).map((one) => JSON.stringify(one) ?? '');
};
