/**
 * What every kind of legacy app keeps, whatever is behind it. A kind's test names its abilities and opens a harness: the
 * app of ours, and beside it a way to the real thing, so that nothing is only believed.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type {
  BrowserRequest,
  Created,
  FoundSession,
  LegacyApp,
  LegacyLogin,
  LegacyPerson,
} from '../../src/sessions/legacy-app.ts';
import { userOf } from '../migration/stage.ts';

/** What the browser holds and sends. */
export interface AppBrowser {
  readonly cookies: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A real session at the app, and what is true of it. */
export interface SignedIn extends AppBrowser {
  /** As the app names them. */
  readonly person: LegacyPerson;
  /** What recognition has to say; absent: the app does not tell. */
  readonly authTime?: number;
  readonly amr: readonly string[];
  /** Only where the app has no `recognise`. */
  readonly handle?: string;
}

export interface LegacyAppHarness {
  readonly app: LegacyApp;
  /** The app, its store or its framework makes a session, as at a login there: nothing of ours is used. */
  signIn(login: LegacyLogin): Promise<SignedIn>;
  /** Asks the app, its store or its framework itself. */
  isSignedIn(session: AppBrowser, handle: string): Promise<boolean>;
  /** The person logs out there. */
  signOut?(session: AppBrowser, handle: string): Promise<void>;
  /** The session is past its life now, at the app; what the browser holds then. */
  makeOld?(session: SignedIn): Promise<AppBrowser>;
  /** What somebody without the app's secrets could make of it, beside what is tried anyhow. */
  forge?(session: SignedIn): readonly AppBrowser[];
  /** What the browser holds after `create`; by default the cookies that were set. */
  browserOf?(created: Extract<Created, { handle?: string }>): Promise<AppBrowser>;
  /** How many connections to the app, or to its store, are open. */
  openConnections(): Promise<number>;
  close(): Promise<void>;
}

export interface LegacyAppContract {
  readonly name: string;
  /** What the app as opened can do; nothing else is tried. */
  readonly abilities: readonly Ability[];
  open(): Promise<LegacyAppHarness>;
  /** Ways to break it, by what happens: `refuses connections`. Each gets a harness of its own. */
  readonly outages?: Readonly<Record<string, (harness: LegacyAppHarness) => Promise<void>>>;
  /** Those that an outage does not touch, because nobody is asked. */
  readonly alone?: readonly Ability[];
  /** No call takes longer; 3 seconds by default. */
  readonly limitMs?: number;
  /** True where what the browser holds is all there is: a copy of it is good until it expires, whatever was ended. */
  readonly stateless?: boolean;
  /** False where a renewal cannot make a session longer than it was. */
  readonly slides?: boolean;
}

export type Ability = Exclude<keyof LegacyApp, 'close'>;

const nowSeconds = () => Math.floor(Date.now() / 1_000);

/** A login of the person with this primary key: `shop:1`, who types `user-1`. */
export function loginOf(id: string, more: Partial<LegacyLogin> = {}): LegacyLogin {
  const user = userOf(id);
  return {
    sub: user.sub,
    user,
    authTime: nowSeconds() - 120,
    amr: ['pwd'],
    clientId: 'app',
    returnTo: 'https://id.example.com/auth/resume-1',
    expiresAt: nowSeconds() + 3_600,
    remember: false,
    ...more,
  };
}

/** What may be looked at of a request with these cookies and headers. */
export const requestOf = ({ cookies, headers = {} }: AppBrowser): BrowserRequest => ({
  cookie: (name) => cookies[name],
  header: (name) => headers[name.toLowerCase()],
});

/** A browser that has got these `Set-Cookie` values. */
export function browserWith(setCookies: readonly string[], before: AppBrowser = { cookies: {} }): AppBrowser {
  const set = setCookies.map((line) => /^([^=]+)=([^;]*)/.exec(line)!.slice(1) as [string, string]);
  return { ...before, cookies: { ...before.cookies, ...Object.fromEntries(set) } };
}

/** The same browser with each value changed, one at a time. */
function each(browser: AppBrowser, change: (value: string) => string): AppBrowser[] {
  const { cookies, headers = {} } = browser;
  return [
    ...Object.entries(cookies).map(([name, value]) => ({
      ...browser,
      cookies: { ...cookies, [name]: change(value) },
    })),
    ...Object.entries(headers).map(([name, value]) => ({
      ...browser,
      headers: { ...headers, [name]: change(value) },
    })),
  ];
}

const flipped = (text: string, at: number) =>
  `${text.slice(0, at)}${text[at] === 'a' ? 'b' : 'a'}${text.slice(at + 1)}`;
const SPOILED: readonly [string, (value: string) => string][] = [
  ['empty', () => ''],
  ['cut short by a character', (value) => value.slice(0, -1)],
  ['cut in half', (value) => value.slice(0, value.length / 2)],
  ['changed at its beginning', (value) => flipped(value, 0)],
  ['changed in the middle', (value) => flipped(value, Math.floor(value.length / 2))],
  ['longer than a cookie may be', (value) => value + 'a'.repeat(5_000)],
  ['another framework’s', () => 's%3AqL7cX2v9kYbW0dQmZ3tRnE.kZ1B2c3D4e5F6g7H8i9J0kLmNoPqRsTuVwXyZ0'],
  ['a number', () => '1'],
  ['a path', () => '../../../etc/passwd'],
  ['a pattern', () => '*'],
  ['a piece of SQL', () => "' or '1'='1"],
  ['a piece of JSON', () => '{"legacyId":"1"}'],
  ['not even text', () => '%00%ff\u0000\ud800'],
];

const unavailable = { code: 'legacy_unavailable' };

export function legacyAppContract(contract: LegacyAppContract): void {
  const { name, abilities } = contract;
  const can = (...needed: Ability[]) => needed.every((ability) => abilities.includes(ability));

  describe(`${name}, as any legacy app,`, () => {
    let harness: LegacyAppHarness;
    beforeAll(async () => {
      harness = await contract.open();
    });
    afterAll(async () => {
      await harness.app.close();
      await harness.close();
    });
    const [anna, bob] = [loginOf('1'), loginOf('2')];
    const recognise = (browser: AppBrowser) => harness.app.recognise!(requestOf(browser));
    const handleOf = async (session: SignedIn): Promise<string> =>
      session.handle ?? (await recognise(session))!.handle;

    test('can do what its settings say, and nothing else', () => {
      // `mayKnow` belongs to `recognise`.
      const { close: _, mayKnow: __, ...rest } = harness.app;
      expect(
        Object.keys(rest)
          .filter((ability) => harness.app[ability as Ability] !== undefined)
          .sort(),
      ).toEqual([...abilities].sort());
    });

    if (can('recognise')) recognition();
    if (can('create')) creation();
    if (can('check')) checking();
    if (can('renew')) renewal();
    if (can('end')) ending();
    if (can('endAllOf')) endingAll();

    function recognition() {
      test('finds exactly the person who is signed in, and says when and how they proved it', async () => {
        for (const login of [anna, bob]) {
          const session = await harness.signIn(login);
          const found = await recognise(session);
          expect(found).toMatchObject({ person: session.person, amr: session.amr });
          expect(found!.authTime).toBe(session.authTime);
          expectSound(found!);
        }
      });

      test('tells two sessions of one person apart', async () => {
        const [one, two] = [await harness.signIn(anna), await harness.signIn(anna)];
        expect(await handleOf(one)).not.toBe(await handleOf(two));
        expect(await handleOf(one)).toBe(await handleOf(one));
      });

      test('finds nobody in a browser that brings nothing', async () => {
        expect(harness.app.mayKnow?.(requestOf({ cookies: {} })) ?? false).toBe(false);
        expect(harness.app.mayKnow?.(requestOf(await harness.signIn(anna))) ?? true).toBe(true);
        expect(await recognise({ cookies: {} })).toBeUndefined();
      });

      test.each(SPOILED)('finds nobody by a value that is %s', async (_what, change) => {
        const session = await harness.signIn(anna);
        for (const browser of each(session, change)) expect(await recognise(browser)).toBeUndefined();
        expect(await recognise(session)).toBeDefined();
      });

      test('finds nobody by what is forged, ended or past its life', async () => {
        const session = await harness.signIn(anna);
        for (const browser of harness.forge?.(session) ?? [])
          expect(await recognise(browser)).toBeUndefined();
        if (harness.makeOld) expect(await recognise(await harness.makeOld(session))).toBeUndefined();
        const another = await harness.signIn(anna);
        if (!harness.signOut) return;
        await harness.signOut(another, await handleOf(another));
        expect(await recognise(another)).toBeUndefined();
      });
    }

    function creation() {
      const created = async (login: LegacyLogin) => {
        const made = await harness.app.create!(login);
        if ('failure' in made) throw new Error(`nothing was made: ${made.failure}`);
        const browser = (await harness.browserOf?.(made)) ?? browserWith(made.setCookies ?? []);
        return { made, browser };
      };

      test('gives the person a session that ends with the login at the latest', async () => {
        const { made } = await created(anna);
        expect(made.expiresAt ?? 0).toBeLessThanOrEqual(anna.expiresAt);
        for (const line of made.setCookies ?? [])
          expect(Number(/max-age=(\d+)/i.exec(line)?.[1] ?? 0)).toBeLessThanOrEqual(3_600);
      });

      if (can('recognise'))
        test('gives a session that is recognised as the same person’s, with the truth about the login', async () => {
          for (const login of [anna, bob]) {
            const { made, browser } = await created(login);
            const found = await recognise(browser);
            expect(found!.person).toEqual((await harness.signIn(login)).person);
            expect(found!.authTime ?? 0).toBeLessThanOrEqual(login.authTime);
            expect([[], login.amr]).toContainEqual(found!.amr);
            expect(made.handle).toBe(found!.handle);
          }
        });

      if (can('check'))
        test('gives a session that can be asked about', async () => {
          const { made } = await created(anna);
          expect((await harness.app.check!(made.handle!))!.handle).toBe(made.handle);
        });
    }

    function checking() {
      test('says of a live session what recognition says', async () => {
        const session = await harness.signIn(bob);
        const checked = await harness.app.check!(await handleOf(session));
        expect(checked).toMatchObject({ person: session.person, amr: session.amr });
        expect(checked!.authTime).toBe(session.authTime);
        expect(checked!.handle).toBe(await handleOf(session));
        expectSound(checked!);
      });

      test('says of one that has ended there, or is past its life, that it is over', async () => {
        const [one, two] = [await harness.signIn(anna), await harness.signIn(anna)];
        const [first, second] = [await handleOf(one), await handleOf(two)];
        await harness.signOut?.(one, first);
        if (harness.signOut) expect(await harness.app.check!(first)).toBeUndefined();
        expect(await harness.app.check!(second)).toBeDefined();
        await harness.makeOld?.(two);
        if (harness.makeOld) expect(await harness.app.check!(second)).toBeUndefined();
      });

      test('says of a handle that it never gave that it is over', async () => {
        expect(await harness.app.check!('no-such-session')).toBeUndefined();
      });
    }

    function renewal() {
      test('never makes a session shorter', async () => {
        const session = await harness.signIn(anna);
        const handle = await handleOf(session);
        const before = await lifeOf(handle);
        await harness.app.renew!(handle, nowSeconds() - 100);
        await harness.app.renew!(handle, nowSeconds() + 1);
        expect(await harness.isSignedIn(session, handle)).toBe(true);
        expect((await lifeOf(handle)) ?? 0).toBeGreaterThanOrEqual(before ?? 0);
      });

      test('lets it live on, and brings none back that has ended', async () => {
        const session = await harness.signIn(anna);
        const handle = await handleOf(session);
        const before = await lifeOf(handle);
        const until = (before ?? nowSeconds()) + 3_000;
        await harness.app.renew!(handle, until);
        if (before !== undefined && contract.slides !== false)
          expect(await lifeOf(handle)).toBeGreaterThanOrEqual(until - 1);
        if (!harness.signOut) return;
        await harness.signOut(session, handle);
        await harness.app.renew!(handle, until + 60);
        expect(await harness.isSignedIn(session, handle)).toBe(false);
      });

      const lifeOf = async (handle: string) => (await harness.app.check?.(handle))?.expiresAt;
    }

    function ending() {
      test('ends one session at the app, and no other; once more changes nothing', async () => {
        const sessions = [await harness.signIn(anna), await harness.signIn(anna), await harness.signIn(bob)];
        const handles: string[] = [];
        for (const session of sessions) handles.push(await handleOf(session));
        for (let time = 0; time < 2; time += 1) {
          await harness.app.end!(handles[0]!);
          expect(await liveOf(sessions, handles)).toEqual([false, true, true]);
        }
        if (can('recognise') && !contract.stateless) expect(await recognise(sessions[0]!)).toBeUndefined();
        if (can('check')) expect(await harness.app.check!(handles[0]!)).toBeUndefined();
      });

      test('takes a session that never was for one that is over', async () => {
        await harness.app.end!('no-such-session');
      });
    }

    function endingAll() {
      test('ends all that the person has there, and nobody else’s; once more changes nothing', async () => {
        const sessions = [await harness.signIn(anna), await harness.signIn(bob), await harness.signIn(anna)];
        const handles: string[] = [];
        for (const session of sessions) handles.push(await handleOf(session));
        for (let time = 0; time < 2; time += 1) {
          await harness.app.endAllOf!({ sub: anna.sub, legacyId: anna.user.legacyId });
          expect(await liveOf(sessions, handles)).toEqual([false, true, false]);
        }
      });
    }

    const liveOf = (sessions: readonly SignedIn[], handles: readonly string[]) =>
      Promise.all(sessions.map((session, index) => harness.isSignedIn(session, handles[index]!)));
  });

  describe(`${name}, closed,`, () => {
    test('leaves nothing open', async () => {
      const harness = await contract.open();
      const session = await harness.signIn(loginOf('1'));
      const before = await harness.openConnections();
      if (can('recognise')) expect(await harness.app.recognise!(requestOf(session))).toBeDefined();
      if (can('create')) await harness.app.create!(loginOf('1'));
      await harness.app.close();
      await vi.waitFor(async () => expect(await harness.openConnections()).toBeLessThanOrEqual(before), {
        timeout: 5_000,
      });
      await harness.close();
    });
  });

  for (const [what, breakIt] of Object.entries(contract.outages ?? {})) outage(what, breakIt);

  function outage(what: string, breakIt: (harness: LegacyAppHarness) => Promise<void>) {
    const alone = contract.alone ?? [];
    describe(`${name}, when it ${what},`, () => {
      let harness: LegacyAppHarness;
      let session: SignedIn;
      let handle: string;
      beforeAll(async () => {
        harness = await contract.open();
        session = await harness.signIn(loginOf('1'));
        handle = session.handle ?? (await harness.app.recognise!(requestOf(session)))!.handle;
        await breakIt(harness);
      });
      afterAll(async () => {
        await harness.app.close();
        await harness.close();
      });

      const calls: Partial<Record<Ability, () => Promise<unknown>>> = {
        recognise: () => harness.app.recognise!(requestOf(session)),
        check: () => harness.app.check!(handle),
        renew: () => harness.app.renew!(handle, nowSeconds() + 7_200),
        end: () => harness.app.end!(handle),
        endAllOf: () => harness.app.endAllOf!({ sub: 'shop:1', legacyId: '1' }),
      };
      const asked = abilities.filter((ability) => calls[ability] && !alone.includes(ability));
      if (asked.length)
        test.each(asked)('%s says so, in time', async (ability) => {
          await withinLimit(() => expect(calls[ability]!()).rejects.toMatchObject(unavailable));
        });

      if (can('create') && !alone.includes('create'))
        test('create fails without an error, in time', async () => {
          await withinLimit(async () => {
            const made = await harness.app.create!(loginOf('1'));
            expect(made).toEqual({
              failure: expect.stringMatching(/^(timeout|unreachable|refused|storage)$/),
            });
          });
        });

      if (can('recognise'))
        test('nobody is asked about a browser that brings nothing', async () => {
          expect(await harness.app.recognise!(requestOf({ cookies: {} }))).toBeUndefined();
        });
    });
  }

  async function withinLimit(work: () => Promise<unknown>) {
    const { limitMs = 3_000 } = contract;
    const started = performance.now();
    await work();
    // The machine's own slowness is not the app's.
    expect(performance.now() - started).toBeLessThan(limitMs + 1_500);
  }
}

/** Nothing that a session may not be, whatever the app says. */
function expectSound(found: FoundSession) {
  const now = nowSeconds();
  expect(found.handle.length).toBeGreaterThan(0);
  expect(Buffer.byteLength(found.handle)).toBeLessThanOrEqual(4_096);
  expect(found.authTime ?? 0).toBeLessThanOrEqual(now + 1);
  expect(found.lastUsedAt ?? 0).toBeLessThanOrEqual(now + 1);
  expect(found.expiresAt ?? Number.POSITIVE_INFINITY).toBeGreaterThan(now - 1);
}
