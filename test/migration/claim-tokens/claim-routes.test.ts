/** What a legacy app is told where people link their own accounts, and what it has to be for that. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { claimOperations, claimRoutes } from '../../../src/migration/claim-tokens/claim-routes.ts';
import { linkAnswer, standingAnswer } from '../../../src/migration/claim-tokens/claim-schemas.ts';
import { claimTokensSettings } from '../../../src/migration/claim-tokens/claim-settings.ts';
import { findByText } from '../../../src/migration/claim-tokens/claim-tokens.ts';
import { openEnforcement } from '../../../src/migration/claim-tokens/enforcement.ts';
import { pauseRule, resumeRule } from '../../../src/migration/claim-tokens/rules.ts';
import { move } from '../../../src/migration/ledger.ts';
import type { Stage } from '../stage.ts';
import { entryOf, openStage, tokenOf } from '../stage.ts';
import { HOUR, organizationOf } from './claimants.ts';

const SHOP = tokenOf('shop', 'migration:write');
const CLIENTS: Readonly<Record<string, readonly string[]>> = { shop: ['main', 'other'] };
const LINK = '/migration/claim-tokens';
const STANDING = '/migration/claim-tokens/enforcement';
const BOTH = [LINK, STANDING];

let stage: Stage;
let today = '2026-01-01';
beforeAll(async () => {
  const claimTokens = claimTokensSettings.parse([
    {
      target: 'main',
      organizations: {},
      enforcement: [{ name: 'everybody', from: '2026-06-01', graceDays: 14 }],
    },
  ]);
  stage = await openStage({
    routes: (deps) =>
      claimRoutes({
        ...deps,
        claimTokens,
        enforcement: openEnforcement({ db: deps.db, claimTokens, nowMs: () => Date.parse(today) }),
        mayIssue: (clientId) => CLIENTS[clientId] ?? [],
      }),
  });
});
afterAll(() => stage.close());
afterEach(() => {
  stage.legacyDown = false;
  today = '2026-01-01';
});

let serial = 0;
function someone(more: Parameters<typeof entryOf>[1] = {}) {
  const entry = entryOf(`app-${++serial}`, more);
  stage.people.set(entry.user.sub, entry);
  return { sub: entry.user.sub, login: entry.user.username! };
}
async function linked(sub: string) {
  const common = { target: 'main', sub, actor: 'test', subject: stage.pseudonym(sub) };
  await move(stage.db, { ...common, event: 'enqueue', legacyId: sub });
  await move(stage.db, { ...common, event: 'create', targetUserId: `there-${sub}` });
}
const post = (path: string, body: object, token = SHOP) =>
  stage.call('POST', path, { token, body: { target: 'main', ...body } });
const refusalOf = async (answer: ReturnType<typeof post>) => {
  const { status, json } = await answer;
  return [status, json.code];
};

describe('a link for somebody who is logged in at a legacy app', () => {
  test.each(['login', 'sub'] as const)('is made, by %s, and shown to the app alone', async (by) => {
    const person = someone();
    const answer = await post(LINK, { [by]: person[by] });
    expect(answer.status).toBe(201);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const { link, expiresAt, purpose } = linkAnswer.strict().parse(answer.json);
    expect(purpose).toBe('person');
    const [, text = ''] = link.split('https://id.example.com/claim/');
    const token = await findByText(stage.db, text);
    expect(token).toMatchObject({ sub: person.sub, target: 'main', origin: 'app', state: 'open' });
    expect(token.expiresAt.toISOString()).toBe(expiresAt);
    const records = await stage.auditRecords();
    const record = records.filter(({ action }) => action === 'claim-token.issued').at(-1);
    expect(record).toMatchObject({ actor: 'client:shop', detail: { target: 'main', origin: 'app' } });
    expect(JSON.stringify(records)).not.toContain(text.slice(6));
  });

  test('is for an organization of theirs once they are linked, and for nobody else’s', async () => {
    const { sub } = someone({
      organizations: [organizationOf('mine'), organizationOf('theirs', { isOwner: false })],
    });
    const of = (organization: string) => post(LINK, { sub, organization });
    expect(await refusalOf(of('mine'))).toEqual([409, 'person_first']);
    await linked(sub);
    expect((await of('mine')).json).toMatchObject({ purpose: 'organization' });
    expect(await refusalOf(of('theirs'))).toEqual([403, 'owner_needed']);
    expect(await refusalOf(of('unknown'))).toEqual([404, 'organization_not_found']);
  });

  test.each([
    ['is disabled', (): string => someone({ state: 'disabled' }).sub, 403, 'user_disabled'],
    ['is unknown', (): string => 'shop:nobody', 404, 'user_not_found'],
    [
      'is linked already',
      async (): Promise<string> => {
        const { sub } = someone();
        await linked(sub);
        return sub;
      },
      409,
      'user_linked',
    ],
    [
      'is excluded',
      async (): Promise<string> => {
        const { sub } = someone();
        const common = { target: 'main', sub, actor: 'test', subject: stage.pseudonym(sub) };
        await move(stage.db, { ...common, event: 'exclude' });
        return sub;
      },
      403,
      'user_excluded',
    ],
  ] as const)('is refused to who %s', async (_why, who, status, code) => {
    expect(await refusalOf(post(LINK, { sub: await who() }))).toEqual([status, code]);
  });

  test('is refused to an app that asks in a circle, for this person, and for an hour', async () => {
    const [{ sub }, other] = [someone(), someone()];
    for (let i = 0; i < 20; i++) expect((await post(LINK, { sub })).status).toBe(201);
    const answer = await post(LINK, { sub });
    expect([answer.status, answer.json.code]).toEqual([429, 'throttled']);
    expect(answer.headers.get('retry-after')).toBe(String(HOUR));
    expect((await post(LINK, { sub: other.sub })).status).toBe(201);
  });
});

describe('the standing of an old login', () => {
  const standing = async (who: object) => standingAnswer.strict().parse((await post(STANDING, who)).json);

  test('is told with its day, by login as by subject', async () => {
    const { sub, login } = someone();
    expect(await standing({ sub })).toEqual({ standing: 'free', linked: false });
    today = '2026-06-02';
    const soon = { standing: 'soon', until: '2026-06-15T00:00:00.000Z', linked: false };
    expect(await standing({ sub })).toEqual(soon);
    expect(await standing({ login })).toEqual(soon);
    today = '2026-07-01';
    expect(await standing({ sub })).toEqual({
      standing: 'refused',
      since: '2026-06-15T00:00:00.000Z',
      linked: false,
    });
  });

  test('says whether they are linked, and follows the way back at once', async () => {
    const { sub } = someone();
    await linked(sub);
    today = '2026-07-01';
    expect(await standing({ sub })).toMatchObject({ standing: 'refused', linked: true });
    const word = { target: 'main', rule: 'everybody', reason: 'test', actor: 'test' };
    await pauseRule(stage.db, word);
    expect(await standing({ sub })).toEqual({ standing: 'free', linked: true });
    await resumeRule(stage.db, word);
    expect(await standing({ sub })).toMatchObject({ standing: 'refused' });
  });

  test('makes no link', async () => {
    const before = (await stage.auditRecords()).length;
    await standing({ sub: someone().sub });
    expect(await stage.auditRecords()).toHaveLength(before);
  });
});

describe.each(BOTH)('%s', (path) => {
  test('answers no app without a token, or with one that lets it do less', async () => {
    const { sub } = someone();
    const anonymous = await stage.call('POST', path, { body: { target: 'main', sub } });
    expect([anonymous.status, anonymous.json.code]).toEqual([401, 'unauthorized']);
    expect(anonymous.headers.get('www-authenticate')).toBe('Bearer realm="footbridge"');
    expect(await refusalOf(post(path, { sub }, 'bad'))).toEqual([401, 'unauthorized']);
    const reading = tokenOf('shop', 'migration:read');
    expect(await refusalOf(post(path, { sub }, reading))).toEqual([403, 'insufficient_scope']);
  });

  test('answers no client that may not ask for this target, and says nothing of who is there', async () => {
    for (const sub of [someone().sub, 'shop:nobody']) {
      const target = tokenOf('main-machine', 'migration:write');
      expect(await refusalOf(post(path, { sub }, target))).toEqual([403, 'insufficient_scope']);
      expect(await refusalOf(post(path, { sub, target: 'elsewhere' }))).toEqual([403, 'insufficient_scope']);
    }
  });

  test('says where a target has no claim tokens', async () => {
    expect(await refusalOf(post(path, { sub: someone().sub, target: 'other' }))).toEqual([404, 'not_found']);
  });

  test.each([
    {},
    { sub: 'shop:1', login: 'x' },
    { login: '' },
    { sub: 'a\u0000b' },
    { sub: 'shop:1', more: true },
  ])('refuses %j', async (body) => {
    expect(await refusalOf(post(path, body))).toEqual([400, 'bad_request']);
  });

  test('tells an outage of the legacy store as one', async () => {
    const { sub } = someone();
    stage.legacyDown = true;
    const answer = await post(path, { sub });
    expect([answer.status, answer.json.code]).toEqual([503, 'legacy_unavailable']);
    expect(answer.headers.get('retry-after')).toBe('2');
  });
});

test('both are described', () => {
  expect(claimOperations.map(({ method, path }) => `${method} ${path}`)).toEqual(
    BOTH.map((path) => `POST ${path}`),
  );
});
