/** A legacy app whose login leads to the target: username first, then the password of whoever has not moved yet. */
import { createHash, createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { find, move, proveParts, statePart } from '../../src/migration/ledger.ts';
import { openTargetLinks } from '../../src/migration/target-link.ts';
import { targetOfClients } from '../../src/provider/clients.ts';
import { openOnward } from '../../src/provider/onward.ts';
import { providerSettings, wrongTargets } from '../../src/provider/provider-settings.ts';
import type { FoundUser, TargetConnection } from '../../src/targets/connection.ts';
import { openTargets } from '../../src/targets/index.ts';
import { targetSettings } from '../../src/targets/target-settings.ts';
import { Browser, field } from '../support/browser.ts';
import { execute } from '../support/database.ts';
import type { LedgerMover } from '../support/mover.ts';
import { ledgerMover } from '../support/mover.ts';
import { UNPLANNED } from '../support/unplanned.ts';
import type { Person, Stage, StageParts } from './harness.ts';
import {
  authorizationUrl,
  BOB,
  CALLBACK,
  CLIENT,
  client,
  codeOf,
  legacyDown,
  openStage,
  submitLogin,
} from './harness.ts';
import { APP_COOKIE, legacyWorld } from './legacy-world.ts';

const THERE = 'https://new.example/login';
const target = {
  name: 'main',
  kind: 'zitadel',
  displayName: 'The new one',
  loginUrl: THERE,
  clientIds: ['pushing'],
  api: { url: 'https://new.example', token: 'a-token-of-the-target' },
  move: { push: 'at-login', redirect: true },
};
const SEED = Buffer.from('12345678901234567890');
const pseudonym = (sub: string) => createHash('sha256').update(sub).digest();

let stage: Stage;
let mover: LedgerMover;
const errors: unknown[] = [];
/** What the target says of its users; undefined: it does not answer. */
let known: ((id: string) => Promise<Partial<FoundUser> | undefined>) | undefined;

/** As `app.ts` puts it together. */
function overrides(parts: StageParts) {
  const { db, directory, settings } = parts;
  const opened = openTargets(targetSettings.parse([target]));
  const connection = {
    userById: (id: string) => (known ? known(id) : new Promise(() => undefined)),
  } as unknown as TargetConnection;
  const targets = { ...opened, connection: () => connection };
  const links = openTargetLinks({ db, targets, issuer: settings.issuer, deadlineMs: 50 });
  const targetOf = targetOfClients(settings, targets);
  mover = ledgerMover(db, pseudonym);
  const { clients } = settings;
  const onError = (error: unknown) => errors.push(error);
  return {
    onward: openOnward({
      ...{ db, directory, targets, mover, links, clients, pseudonym, onError },
      routing: UNPLANNED,
      plannedFor: () => undefined,
    }),
    ledgerStatePart: (sub: string, clientId: string) => {
      const of = targetOf(clientId);
      return of && statePart(of.name, sub);
    },
    targetLink: links.linkFor,
    legacySessions: legacyWorld(
      {},
      { userByLogin: async (login) => (await directory.findByLogin(login))?.user },
    ),
  };
}

beforeAll(async () => {
  stage = await openStage({
    clients: [
      client({ leadsTo: 'main' }),
      client({ clientId: 'pushing', name: 'The new one' }),
      client({ clientId: 'plain', name: 'Another app' }),
    ],
    settings: { login: { failureFloorMs: 0, networkFailures: 1000, networkLookups: 100_000 } },
    overrides,
  });
});
afterAll(() => stage.close());
afterEach(() => {
  mover.instead = undefined;
  mover.requests.length = 0;
  errors.length = 0;
  known = undefined;
  stage.outage = undefined;
});

let serial = 0;
function someone(more: Partial<Person> = {}): Person {
  const login = `lead-${++serial}`;
  const person = { login, password: `pw of ${login}`, email: `${login}@example.com`, ...more };
  stage.people.push(person);
  return person;
}

const subOf = ({ login }: Person) => `shop:${login}`;
const stateOf = async (person: Person) => (await find(stage.db, 'main', subOf(person)))?.state;
async function bring(person: Person, to: 'created' | 'migrated' | 'cut-over' | 'retired') {
  const sub = subOf(person);
  const common = { target: 'main', sub, actor: 'test', subject: pseudonym(sub) };
  await stage.db.runParts(proveParts({ ...common, legacyId: person.login, amr: ['pwd'] }), 'select 1');
  await move(stage.db, { ...common, event: 'create', targetUserId: `there-${sub}` });
  const events = { created: 0, migrated: 1, 'cut-over': 2, retired: 3 }[to];
  for (const event of (['confirm', 'cut-over', 'retire'] as const).slice(0, events))
    await move(stage.db, { ...common, event });
  return person;
}

async function firstPage(params: Record<string, string> = {}) {
  const browser = new Browser();
  const page = await browser.follow(authorizationUrl(stage, params), CALLBACK);
  return { browser, page };
}
type Opened = Awaited<ReturnType<typeof firstPage>>;

/** Posts the first page. */
const name = ({ browser, page }: Opened, username: string) =>
  browser.visit(page.url.split('?')[0]!, {
    form: { username, form_token: field(page.body, 'form_token') ?? '' },
  });

/** Both pages. */
async function through(person: Person, params: Record<string, string> = {}) {
  const opened = await firstPage(params);
  const second = await name(opened, person.login);
  const { browser } = opened;
  const form = { ...person, form_token: field(second.body, 'form_token') ?? '' };
  const end = await browser.visit(second.url, {
    form: { username: form.login, password: form.password, form_token: form.form_token },
  });
  return { browser, end };
}

/** Posts username and password at once, and does not follow where that leads. */
const both = ({ browser, page }: Opened, { login, password }: Person) =>
  browser.visit(page.url.split('?')[0]!, {
    form: { username: login, password, form_token: field(page.body, 'form_token') ?? '' },
  });

const hintIn = (location: string | undefined) => new URL(location ?? 'x:').searchParams.get('login_hint');
const bare = (html: string) => html.replace(/value="[^"]*"|\/login\/[\w-]+/g, '');

describe('the first page', () => {
  test('asks for the username alone, and speaks three languages', async () => {
    for (const [locale, button] of [
      ['en', 'Continue'],
      ['de', 'Weiter'],
      ['fr', 'Continuer'],
    ] as const) {
      const { page } = await firstPage({ ui_locales: locale });
      expect(page.body).toContain('name="username"');
      expect(page.body).not.toContain('name="password"');
      expect(page.body).toContain(`>${button}</button>`);
    }
  });

  test('is asked of nobody at other clients', async () => {
    expect((await firstPage({ client_id: 'plain' })).page.body).toContain('name="password"');
  });

  test('leads unknown people, known ones, locked ones and those only linked to the same password page', async () => {
    const [plain, locked, linked] = [someone(), someone({ state: 'locked' }), someone()];
    await bring(linked, 'created');
    const pages = [];
    for (const { login } of [plain, { login: 'nobody' }, locked, linked, { login: '' }])
      pages.push(await name(await firstPage(), login));
    for (const page of pages) {
      expect(page.status).toBe(200);
      expect(page.body).toContain('name="password"');
      expect(Object.keys(page.headers).sort()).toEqual(Object.keys(pages[0]!.headers).sort());
    }
    const filled = pages.slice(0, 4).map(({ body }) => bare(body));
    expect(new Set(filled).size).toBe(1);
    expect(mover.requests).toEqual([]);
  });

  test.each(['migrated', 'cut-over', 'retired'] as const)(
    'sends whoever is %s to the target',
    async (state) => {
      const person = await bring(someone(), state);
      known = async (id) => ({ loginName: `${id}@target` });
      const answer = await name(await firstPage(), person.login);
      expect(answer.status).toBe(303);
      expect(answer.location).toMatch(new RegExp(`^${THERE}\\?`));
      expect(hintIn(answer.location)).toBe(`there-${subOf(person)}@target`);
    },
  );

  test.each([
    ['does not answer', undefined],
    ['fails', () => Promise.reject(new Error('no'))],
    ['does not know them', async () => undefined],
  ])(
    'sends them on with what they typed, and tells no address, where the target %s',
    async (_how, answer) => {
      known = answer;
      const person = await bring(someone(), 'migrated');
      expect(hintIn((await name(await firstPage(), person.login)).location)).toBe(person.login);
    },
  );

  test('is passed over with a login hint', async () => {
    const [moved, waiting] = [await bring(someone(), 'migrated'), someone()];
    const { page } = await firstPage({ login_hint: waiting.login });
    expect(field(page.body, 'username')).toBe(waiting.login);
    expect(page.body).toContain('name="password"');
    const browser = new Browser();
    const answer = await browser.follow(authorizationUrl(stage, { login_hint: moved.login }), THERE);
    expect(answer.location).toMatch(new RegExp(`^${THERE}`));
  });

  test('tells of an outage as of an outage', async () => {
    stage.outage = legacyDown();
    const answer = await name(await firstPage(), 'anybody');
    expect(answer.status).toBe(503);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  });

  test('is no page of another login', async () => {
    const { browser, page } = await firstPage();
    const answer = await browser.visit(page.url, { form: { username: 'x', form_token: 'forged' } });
    expect(answer.status).toBe(403);
  });
});

describe('a right password', () => {
  test('moves the person, and sends them to the target without a session here', async () => {
    const person = someone();
    const { end, browser } = await through(person);
    expect(end.status).toBe(303);
    expect(hintIn(end.location)).toBe(`${subOf(person)}@there`);
    expect(await stateOf(person)).toBe('migrated');
    expect(mover.requests).toEqual([{ target: 'main', sub: subOf(person), road: 'ensure', actor: 'user' }]);
    expect(browser.cookies.some(({ name }) => name === 'fb_session')).toBe(false);
  });

  test('with a second factor moves nobody before it', async () => {
    const totp = { secret: SEED, digits: 6, periodSeconds: 30, algorithm: 'SHA1' } as const;
    const person = someone({ totp });
    const { end, browser } = await through(person);
    expect(end.body).toContain('name="code"');
    expect(await stateOf(person)).toBeUndefined();
    const form = { form_token: field(end.body, 'form_token')!, step: field(end.body, 'step')! };
    const after = await browser.visit(end.url, { form: { ...form, code: codeNow() } });
    expect(after.location).toMatch(new RegExp(`^${THERE}`));
    expect(await find(stage.db, 'main', subOf(person))).toMatchObject({ amr: ['pwd', 'otp'] });
  });

  test.each([
    ['later', async () => ({ kind: 'later', code: 'target_unavailable' }) as const],
    ['refused', async () => ({ kind: 'refused', code: 'target_conflict', sentence: 'no' }) as const],
    ['failed', () => Promise.reject(new Error('down'))],
    [
      'incomplete',
      async () =>
        ({ kind: 'moved', state: 'created', targetUserId: 'x', loginName: 'x', missing: [] }) as const,
    ],
  ])('logs the person in here where the move is %s, and keeps the work', async (_how, instead) => {
    mover.instead = instead;
    const person = someone();
    const { end, browser } = await through(person);
    const back = await browser.follow(end.location!, CALLBACK);
    expect(codeOf(back.location)).not.toBe('');
    expect(await stateOf(person)).toBe('authenticated');
    const work = await execute(
      stage.databaseUrl,
      `select road from target_work where sub = '${subOf(person)}'`,
    );
    expect(work).toEqual([{ road: 'ensure' }]);
  });

  test('of somebody who has left for good sends them on as well', async () => {
    const person = await bring(someone(), 'cut-over');
    const end = await both(await firstPage(), person);
    expect(end.location).toMatch(new RegExp(`^${THERE}`));
  });
});

test('a wrong password moves nobody, and is told on the password page', async () => {
  const person = someone();
  const { end } = await through({ ...person, password: 'wrong' });
  expect(end.status).toBe(401);
  expect(end.body).toContain('name="password"');
  expect(await stateOf(person)).toBeUndefined();
  expect(mover.requests).toEqual([]);
});

describe('a target that gets its users at the login', () => {
  test('has the user before it gets the code', async () => {
    const person = someone();
    const { page, browser } = await firstPage({ client_id: 'pushing' });
    const end = await submitLogin(browser, page, person);
    expect(codeOf(end.location)).not.toBe('');
    expect(await stateOf(person)).toBe('migrated');
    expect(mover.requests).toEqual([{ target: 'main', sub: subOf(person), road: 'login', actor: 'user' }]);
  });

  test('and fails at it keeps nobody from logging in', async () => {
    mover.instead = () => Promise.reject(new Error('down'));
    const person = someone();
    const { page, browser } = await firstPage({ client_id: 'pushing' });
    expect(codeOf((await submitLogin(browser, page, person)).location)).not.toBe('');
    expect(await stateOf(person)).toBe('authenticated');
    expect(errors).toHaveLength(1);
  });

  test('and never answers keeps them waiting for a moment only', async () => {
    mover.instead = () => new Promise(() => undefined);
    const person = someone();
    const { page, browser } = await firstPage({ client_id: 'pushing' });
    expect(codeOf((await submitLogin(browser, page, person)).location)).not.toBe('');
  });

  test('redirects who has left for good, where the settings say so', async () => {
    const person = await bring(someone(), 'cut-over');
    const end = await both(await firstPage({ client_id: 'pushing' }), person);
    expect([end.status, hintIn(end.location)]).toEqual([303, person.email]);
  });
});

test('logins at other clients move nobody', async () => {
  const { page, browser } = await firstPage({ client_id: 'plain' });
  expect(codeOf((await submitLogin(browser, page, BOB)).location)).not.toBe('');
  expect(mover.requests).toEqual([]);
});

describe('somebody who is signed in at a legacy app', () => {
  const arrive = (person: Person, params: Record<string, string> = {}, stopAt = CALLBACK) => {
    const browser = new Browser();
    browser.cookies.push({ name: APP_COOKIE, value: person.login, path: '/', host: '127.0.0.1' });
    return browser.follow(authorizationUrl(stage, params), stopAt);
  };

  test('is moved without a page, and goes on at the target', async () => {
    const person = someone();
    const end = await arrive(person, {}, THERE);
    expect([end.status, end.location]).toEqual([303, expect.stringMatching(new RegExp(`^${THERE}`))]);
    expect(await stateOf(person)).toBe('migrated');
    expect(mover.requests).toEqual([{ target: 'main', sub: subOf(person), road: 'ensure', actor: 'user' }]);
  });

  test('is let in where the move does not succeed, and it goes on by itself', async () => {
    mover.instead = async () => ({ kind: 'later', code: 'target_unavailable' });
    const person = someone();
    expect(codeOf((await arrive(person)).location)).not.toBe('');
    expect(await stateOf(person)).toBe('authenticated');
  });

  test('is answered for to the client that may show no page', async () => {
    expect(codeOf((await arrive(someone(), { prompt: 'none' })).location)).not.toBe('');
    expect(mover.requests).toEqual([]);
  });

  test('is at the target before it gets the code, where it gets its users at the login', async () => {
    const person = someone();
    expect(codeOf((await arrive(person, { client_id: 'pushing' })).location)).not.toBe('');
    expect(await stateOf(person)).toBe('migrated');
  });

  test('and is asked for the password after all is moved by that, not before', async () => {
    const person = someone();
    const page = await arrive(person, { max_age: '1' });
    expect(page.body).toContain('name="username"');
    expect(mover.requests).toEqual([]);
  });

  test('moves nobody at other clients', async () => {
    expect(codeOf((await arrive(someone(), { client_id: 'plain' })).location)).not.toBe('');
    expect(mover.requests).toEqual([]);
  });
});

describe('lookups of usernames', () => {
  test('that are too many tell nothing: everybody is asked for the password', async () => {
    const strict = await openStage({
      clients: [client({ leadsTo: 'main' })],
      settings: { login: { failureFloorMs: 0, networkLookups: 1 } },
      overrides,
    });
    try {
      const browser = new Browser();
      const page = await browser.follow(authorizationUrl(strict), CALLBACK);
      const first = await name({ browser, page }, 'nobody');
      const second = await name({ browser, page }, 'nobody');
      expect([first.status, second.status]).toEqual([200, 200]);
      expect(bare(second.body)).toBe(bare(first.body));
      strict.outage = legacyDown();
      // Nobody is looked up any more: a store that is down is not even noticed.
      expect((await name({ browser, page }, 'nobody')).status).toBe(200);
    } finally {
      await strict.close();
    }
  });
});

describe('settings', () => {
  test('that name an unknown target, or one that cannot be reached, are refused', () => {
    const { clients } = stage.parts.settings;
    const wrong = (more: object, targets: readonly object[] = [target]) =>
      wrongTargets(providerSettings.parse({ clients: [client({ ...more })] }), targetSettings.parse(targets));
    expect(clients[0]?.leadsTo).toBe('main');
    expect(wrong({ leadsTo: 'main', mayEnsure: ['main'] })).toEqual([]);
    expect(wrong({ leadsTo: 'mian' })).toEqual([
      { path: ['clients', 0, 'leadsTo'], message: 'no target is called mian' },
    ]);
    expect(wrong({ mayEnsure: ['main', 'mian'] })[0]?.path).toEqual(['clients', 0, 'mayEnsure', 1]);
    const { api: _, ...unreachable } = target;
    expect(wrong({ leadsTo: 'main' }, [unreachable])[0]?.message).toMatch(/no api/);
    expect(wrong({ leadsTo: 'main' }, [{ ...target, clientIds: [CLIENT.id] }])[0]?.message).toMatch(/own/);
  });
});

function codeNow(): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const digest = createHmac('sha1', SEED).update(counter).digest();
  const offset = digest.at(-1)! & 15;
  return String((digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}
