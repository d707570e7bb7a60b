/** Our scripts in ZITADEL's Actions V1, run in a JavaScript engine with what ZITADEL gives them. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ActionScript } from '../../../src/targets/zitadel/actions-v1.ts';
import { actionsV1 } from '../../../src/targets/zitadel/actions-v1.ts';
import type { Reply, TestApi } from '../../legacy/http-api.ts';
import { serve } from '../../legacy/http-api.ts';
import { runActionV1 } from '../../support/zitadel/actions-v1.ts';

const NAMES = {
  setPreferredUsername: 'anna',
  setFirstName: 'Anna',
  setLastName: 'Able',
  setEmail: 'anna@example.com',
  setEmailVerified: true,
};
const TICKET = 'fbt1.eyJ.abc_-';

let facade: TestApi;
/** What the facade was sent, and how it answers. */
const sent: { method: string; target: string; body: unknown }[] = [];
let answer: Reply;
let scripts: readonly ActionScript[];

beforeAll(async () => {
  facade = await serve(({ method, target, body }) => {
    sent.push({ method, target, body: body ? JSON.parse(body) : undefined });
    return answer;
  });
  scripts = actionsV1({ issuer: `${facade.url}/`, target: 'my-target', identityProvider: 'idp-1' });
});
afterAll(() => facade.close());
beforeEach(() => {
  sent.length = 0;
  answer = { json: NAMES };
});

const script = (step: 'returned' | 'created', all = scripts) =>
  all.find(({ name }) => name.endsWith(`_${step}`))!;

type Given = Record<string, unknown>;
const user = { externalId: 'shop:1', externalIdpId: 'idp-1', human: { firstName: '', lastName: '' } };
/** As a login at us that ZITADEL has no user for. */
const login = (v1: Given = {}, more: Given = {}) => ({
  accessToken: 'at',
  idToken: 'it',
  getClaim: (name: string) => (name === 'urn:footbridge:ticket' ? TICKET : null),
  claimsJSON: () => '{}',
  v1: { externalUser: user, authError: 'none', authRequest: { id: '1', userId: '' }, ...v1 },
  ...more,
});
const creation = (v1: Given = {}) => ({
  v1: {
    getUser: () => ({ id: 'u1', username: 'anna', human: {} }),
    authRequest: { id: '1', userId: 'u1', linkingUsers: [user] },
    ...v1,
  },
});

/** With the setters of the real thing; what was set. */
async function run(action: ActionScript, ctx: unknown) {
  const set: Given = {};
  const setter = (name: string) =>
    [name, (value: unknown) => void Object.assign(set, { [name]: value })] as const;
  const api = Object.fromEntries(
    [
      ...Object.keys(NAMES),
      'setNickName',
      'setDisplayName',
      'setPreferredLanguage',
      'setPhone',
      'setPhoneVerified',
    ].map(setter),
  );
  const given = { ctx, api, timeoutMs: action.timeoutSeconds * 1_000 } as unknown as Parameters<
    typeof runActionV1
  >[2];
  const { error, fetched } = await runActionV1(action.script, action.name, given);
  return { set, error, fetched };
}

describe('the scripts', () => {
  test('are one for each trigger of External Authentication, named as the functions in them', () => {
    expect(scripts.map(({ name, flow, trigger }) => [name, flow, trigger])).toEqual([
      ['footbridge_my_target_returned', '1', '1'],
      ['footbridge_my_target_created', '1', '3'],
    ]);
    for (const { name, script: text } of scripts) {
      expect(name).toMatch(/^[A-Za-z_]\w*$/);
      expect(text.startsWith(`function ${name}(ctx, api) {`)).toBe(true);
    }
  });

  test('may fail, and may not take longer than ZITADEL allows', () => {
    for (const { allowedToFail, timeoutSeconds } of scripts) {
      expect(allowedToFail).toBe(true);
      expect(timeoutSeconds).toBeLessThanOrEqual(20);
    }
  });

  test('are ECMAScript 5.1: nothing in them that its engine may not know', () => {
    for (const { script: text } of scripts) {
      expect(text).not.toMatch(/=>|`|\b(let|const|class|async|await|import|export|of)\b|\?\.|\?\?|\.\.\./);
      // Sloppy code of one function is what ZITADEL runs; a syntax error throws here.
      expect(() => new Function(text)).not.toThrow();
    }
  });

  test('hold no secret, and quote what they are given', () => {
    const [hostile] = actionsV1({
      issuer: 'https://id.example.com',
      target: 't',
      identityProvider: `'; throw 1; //"\u2028`,
    });
    expect(() => new Function(hostile!.script)).not.toThrow();
    for (const { script: text } of scripts) expect(text).not.toMatch(/secret|password|hmac|bearer/i);
  });
});

describe('after a login at us', () => {
  test('somebody new is called what we say, for the ticket of the login', async () => {
    const { set, error, fetched } = await run(script('returned'), login());
    expect(error).toBeUndefined();
    expect(set).toEqual(NAMES);
    expect(sent).toEqual([
      { method: 'POST', target: '/hooks/zitadel/my-target/v1', body: { ticket: TICKET } },
    ]);
    expect(fetched[0]?.headers).toEqual([
      ['Content-Type', 'application/json'],
      ['Accept', 'application/json'],
    ]);
  });

  test.each<[string, unknown]>([
    ['that failed', login({ authError: 'Errors.User.NotFound' })],
    ['that failed before there was anybody', login({ authError: 'x', externalUser: {}, authRequest: null })],
    ['of somebody ZITADEL knows: a setter would overwrite them', login({ authRequest: { userId: 'u1' } })],
    ['at another provider', login({ externalUser: { ...user, externalIdpId: 'idp-2' } })],
    ['without a ticket', login({}, { getClaim: () => null })],
    ['with a ticket that is no text', login({}, { getClaim: () => 7 })],
    ['of which nothing is told', {}],
  ])('nothing is asked and nothing set, %s', async (_which, ctx) => {
    const { set, error } = await run(script('returned'), ctx);
    expect([error, set, sent]).toEqual([undefined, {}, []]);
  });

  test.each<[string, Reply]>([
    ['with an outage', { status: 503, json: {} }],
    ['with a problem document', { status: 429, json: { type: 'urn:x', title: 'Too many', setFirstName: 7 } }],
    ['with what is no JSON', { raw: (res) => void res.end('<html>') }],
    ['with nothing', {}],
    ['with null', { json: null }],
    ['with a text', { json: 'x' }],
    [
      'with values of other types',
      { json: { setFirstName: 7, setEmailVerified: 'true', setLastName: null } },
    ],
    ['with names that are no setters', { json: { constructor: 'x', toString: 'y', setNothing: 'z' } }],
  ])('when we answer %s the login goes on as ZITADEL has it', async (_how, answered) => {
    answer = answered;
    const { set, error } = await run(script('returned'), login());
    expect([error, set]).toEqual([undefined, {}]);
    expect(sent).toHaveLength(1);
  });

  test('when we cannot be reached at all the script fails, which it may', async () => {
    const gone = actionsV1({ issuer: 'http://127.0.0.1:1', target: 't' });
    const { set, error } = await run(script('returned', gone), login());
    expect(error).toBeDefined();
    expect(set).toEqual({});
  });

  test('without the id of our provider the ticket alone says that it is ours', async () => {
    const any = actionsV1({ issuer: facade.url, target: 'my-target' });
    const { set } = await run(
      script('returned', any),
      login({ externalUser: { ...user, externalIdpId: 'x' } }),
    );
    expect(set).toEqual(NAMES);
  });
});

describe('after ZITADEL has made a user', () => {
  test('we are told whom, by subject and id', async () => {
    answer = { json: {} };
    const { error } = await run(script('created'), creation());
    expect(error).toBeUndefined();
    expect(sent.map(({ body }) => body)).toEqual([{ sub: 'shop:1', userId: 'u1' }]);
  });

  test('we are told of the last who was linked: that is the one', async () => {
    const linkingUsers = [{ ...user, externalId: 'shop:0' }, user];
    await run(script('created'), creation({ authRequest: { linkingUsers } }));
    expect(sent.map(({ body }) => body)).toEqual([{ sub: 'shop:1', userId: 'u1' }]);
  });

  test.each<[string, unknown]>([
    [
      'at another provider',
      creation({ authRequest: { linkingUsers: [{ ...user, externalIdpId: 'idp-2' }] } }),
    ],
    ['without a link', creation({ authRequest: { linkingUsers: [] } })],
    ['without links', creation({ authRequest: {} })],
    ['without a request', creation({ authRequest: null })],
    ['without a subject', creation({ authRequest: { linkingUsers: [{ ...user, externalId: '' }] } })],
    ['who is not told', creation({ getUser: () => null })],
    ['who cannot be asked for', creation({ getUser: null })],
    ['of whom nothing is told', {}],
  ])('we are not told of a user %s', async (_which, ctx) => {
    const { error } = await run(script('created'), ctx);
    expect([error, sent]).toEqual([undefined, []]);
  });

  test('an outage of ours changes nothing for the login', async () => {
    answer = { status: 503, json: {} };
    expect((await run(script('created'), creation())).error).toBeUndefined();
  });
});
