/** An operator's desk over real tables: sessions are written as the provider, the apps and the targets leave them. */

import { randomBytes, randomUUID } from 'node:crypto';
import type { Desk, Operation } from '../../src/admin/operation.ts';
import { FootbridgeError } from '../../src/errors.ts';
import type { Directory } from '../../src/legacy/directory.ts';
import { opSessionParts } from '../../src/provider/ending.ts';
import { recordKey } from '../../src/provider/record.ts';
import { openEndings } from '../../src/sessions/ending/endings.ts';
import type { NewLegacySession } from '../../src/sessions/registry.ts';
import { notePart } from '../../src/sessions/registry.ts';
import type { SeenTargetSession } from '../../src/sessions/target-sessions.ts';
import { noteTargetSession } from '../../src/sessions/target-sessions.ts';
import { Secret } from '../../src/settings.ts';
import { openAuditLog } from '../../src/store/audit-log.ts';
import { openDb } from '../../src/store/db.ts';
import { openKeyring } from '../../src/store/encryption.ts';
import type { User } from '../../src/user.ts';
import { execute } from '../support/database.ts';
import { findBySubsWith } from '../support/find-by-subs.ts';
import { NO_WRITES } from '../support/no-writes.ts';
import { testDatabase } from '../support/postgres.ts';

export const LIFETIMES = {
  sessionIdleSeconds: 3_600,
  sessionSeconds: 86_400,
  rememberedSeconds: 30 * 86_400,
};
export const now = () => Math.floor(Date.now() / 1_000);

export interface StagedSession {
  readonly clients?: readonly string[];
  readonly loginTs?: number;
  readonly transient?: boolean;
  /** Of the row: when it ends if it is not used. */
  readonly ttl?: number;
}

export type SessionStage = Awaited<ReturnType<typeof openSessionStage>>;

export async function openSessionStage() {
  const database = await testDatabase();
  const db = openDb({ url: database.url });
  const keyring = openKeyring(new Secret(randomBytes(32).toString('base64')));
  const audit = openAuditLog({ db, keyring });
  const people = new Map<string, User>();
  const sql = (text: string, values?: unknown[]) => execute(database.url, text, values);
  const state = { isLegacyDown: false, kicks: 0 };
  const endings = openEndings({
    db,
    opSessions: opSessionParts,
    recipients: { clients: ['app'], apps: ['forum'], appsByPerson: ['forum'], targets: ['main'] },
    settings: { logoutEnds: 'session' },
    pseudonym: audit.pseudonym,
    kick: () => {
      state.kicks += 1;
    },
  });
  const unused = (what: string) => () => Promise.reject(new Error(`${what} is not asked for here`));
  const desk = {
    db,
    keyring,
    audit,
    directory: directoryOf(people, state),
    endings,
    claimTokens: [],
    lifetimes: LIFETIMES,
    legacySettings: {},
    schema: unused('schema'),
    keyCacheSeconds: 0,
    keepKeysSeconds: 0,
    actor: 'operator:test',
  } as unknown as Desk;

  return {
    db,
    databaseUrl: database.url,
    desk,
    audit,
    endings,
    state,
    sql,
    put(login: string) {
      const sub = `shop:${login}`;
      people.set(sub, userOf(sub, login));
      return sub;
    },
    /** A live session of the provider; the hash under which its uid is stored. */
    async session(
      sub: string,
      { clients = ['app'], loginTs, transient = true, ttl = 3_600 }: StagedSession = {},
    ) {
      const [raw, id] = [randomUUID(), randomUUID()];
      const uid = recordKey('uid', raw);
      const grants = clients.map((client) => [client, { sid: randomUUID(), grantId: randomUUID() }]);
      const authorizations = Object.fromEntries(grants) as Record<string, { grantId: string }>;
      const payload = {
        kind: 'Session',
        uid: raw,
        accountId: sub,
        loginTs: loginTs ?? now() - 600,
        authorizations,
        ...(transient ? { transient } : {}),
      };
      await sql(
        `insert into oidc_records (id, kind, uid, payload, expires_at)
         values ($1, 'Session', $2, $3, now() + make_interval(secs => $4))`,
        [recordKey('Session', id), uid, JSON.stringify(payload), ttl],
      );
      return { uid, id, raw };
    },
    atApp: (session: Omit<NewLegacySession, 'origin' | 'amr' | 'expiresAt'>, opSession: Buffer) =>
      db.runParts(
        [
          notePart(keyring, [{ origin: 'created', amr: [], expiresAt: now() + 3_600, ...session }], {
            opSession,
          }),
        ],
        'select 1',
      ),
    atTarget: (session: Pick<SeenTargetSession, 'id' | 'sub'> & { opSession?: Buffer }) =>
      noteTargetSession(db, { target: 'main', targetUserId: 'u', startedAt: now() - 60, ...session }),
    run: async (
      operation: Operation,
      input: object,
      options: { execute?: boolean; progress?: unknown[] } = {},
    ) => {
      const parsed = operation.input.parse(input);
      const output = await operation.run(desk, parsed as never, {
        execute: options.execute ?? false,
        onProgress: (progress) => options.progress?.push(progress),
      });
      const wrong = operation.foundWrong?.(output) ?? false;
      const answer: Record<string, unknown> & { readonly text: string; readonly wrong: boolean } = {
        ...(output as object),
        text: operation.print(output),
        wrong,
      };
      return answer;
    },
    close: async () => {
      await db.close();
      await database.drop();
    },
  };
}

const userOf = (sub: string, login: string): User => ({
  sub,
  legacyId: login,
  username: login,
  name: `${login} Example`,
  emailVerified: false,
  phoneNumberVerified: false,
  state: 'active',
  roles: [],
  attributes: {},
});

function directoryOf(people: ReadonlyMap<string, User>, state: { isLegacyDown: boolean }): Directory {
  const find = async (wanted: (user: User) => boolean) => {
    if (state.isLegacyDown) throw new FootbridgeError('legacy_unavailable');
    return [...people.values()].find(wanted);
  };
  const entry = (user: User | undefined) => user && { user, credentials: { passwords: [] } };
  return {
    legacyIdOf: (sub) => (sub.startsWith('shop:') ? sub.slice(5) : undefined),
    findByLogin: async (login) => entry(await find((user) => user.username === login)),
    findBySub: async (sub) => entry(await find((user) => user.sub === sub)),
    findBySubs: findBySubsWith(async (sub) => entry(await find((user) => user.sub === sub))),
    userBySub: (sub) => find((user) => user.sub === sub),
    forget: () => undefined,
    ...NO_WRITES,
    check: async () => undefined,
    close: async () => undefined,
  };
}
