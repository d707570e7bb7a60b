/** Legacy apps with sessions, as the provider sees them: one whose cookie names the person, and what was asked of it. */
import type {
  BrowserRequest,
  FoundSession,
  LegacyLogin,
  LegacySessions,
  Recognised,
  VisitedSession,
} from '../../src/sessions/legacy-sessions.ts';
import { notePart } from '../../src/sessions/registry.ts';
import type { Keyring } from '../../src/store/encryption.ts';
import type { User } from '../../src/user.ts';

export const APP = 'shop';
/** Its cookie: the login of whoever is signed in. */
export const APP_COOKIE = 'shop_session';

export interface LegacyWorld extends LegacySessions {
  readonly recognitions: string[];
  readonly visits: VisitedSession[];
  readonly logins: LegacyLogin[];
  /** What its sessions say of the person. */
  session: { authTime?: number; amr?: string[]; isTwoFactor?: boolean };
  /** It does not answer, and so knows nobody. */
  isDown: boolean;
  /** Whose session there has ended. */
  ended: Set<string>;
}

const now = () => Math.floor(Date.now() / 1_000);

export interface LegacyWorldDeps {
  readonly keyring?: Keyring;
  readonly userByLogin?: (login: string) => Promise<User | undefined>;
}

/** A hand-made implementation of the interface; `more` overrides what a test is about. */
export function legacyWorld(more: Partial<LegacySessions> = {}, deps: LegacyWorldDeps = {}): LegacyWorld {
  const recognised = async (login: string): Promise<Recognised | undefined> => {
    const user = world.isDown ? undefined : await deps.userByLogin?.(login);
    if (user?.state !== 'active') return undefined;
    const { authTime = now() - 60, amr = ['pwd'], isTwoFactor = false } = world.session;
    const note = { app: APP, sub: user.sub, origin: 'recognised', handle: `handle of ${login}` } as const;
    return {
      app: APP,
      user,
      authTime,
      amr,
      isTwoFactor,
      parts: (opSession) =>
        deps.keyring
          ? [notePart(deps.keyring, [{ ...note, amr, authTime, expiresAt: now() + 3_600 }], { opSession })]
          : [],
    };
  };
  const world: LegacyWorld = {
    recognitions: [],
    visits: [],
    logins: [],
    session: {},
    isDown: false,
    ended: new Set(),
    create: async (login) => {
      world.logins.push(login);
      const note = { app: APP, sub: login.sub, origin: 'created', handle: `made for ${login.sub}` } as const;
      const { amr, authTime, expiresAt } = login;
      return {
        setCookies: [`${APP_COOKIE}=${login.user.username}; Path=/`],
        failures: [],
        parts: (of) =>
          deps.keyring
            ? [notePart(deps.keyring, [{ ...note, amr, authTime, expiresAt }], { login: of })]
            : [],
      };
    },
    mayKnow: (request: BrowserRequest) => request.cookie(APP_COOKIE) !== undefined,
    recognise: async (request: BrowserRequest) => {
      const login = request.cookie(APP_COOKIE);
      world.recognitions.push(login ?? '');
      return login === undefined ? undefined : recognised(login);
    },
    accept: async (_app, { person }: FoundSession) => recognised(person.value),
    asks: () => [],
    visit: async (visit) => {
      world.visits.push(visit);
      return {
        setCookies: ['shop_seen=1; Path=/'],
        ...(world.ended.has(visit.user.sub) ? { endedAt: APP } : {}),
      };
    },
    end: async () => undefined,
    clearCookies: () => [`${APP_COOKIE}=; Path=/; Max-Age=0`],
    check: async () => undefined,
    close: async () => undefined,
    ...more,
  };
  return world;
}
