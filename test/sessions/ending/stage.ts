/** Endings and their queue in a real database; sessions are written as their owners write them. */
import { randomBytes } from 'node:crypto';
import { move, proveParts } from '../../../src/migration/ledger.ts';
import { opSessionParts } from '../../../src/provider/ending.ts';
import { recordKey } from '../../../src/provider/record.ts';
import type { Endings, Recipients } from '../../../src/sessions/ending/ending.ts';
import { openEndings } from '../../../src/sessions/ending/endings.ts';
import { idsOf, notePart, openHandle } from '../../../src/sessions/registry.ts';
import { noteTargetSession } from '../../../src/sessions/target-sessions.ts';
import { Secret } from '../../../src/settings.ts';
import type { Db } from '../../../src/store/db.ts';
import { openDb, statement } from '../../../src/store/db.ts';
import type { Keyring } from '../../../src/store/encryption.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import { testDatabase } from '../../support/postgres.ts';

export const RECIPIENTS: Recipients = {
  clients: ['shop', 'forum'],
  apps: ['old', 'older'],
  appsByPerson: ['old'],
  targets: ['main'],
};

export interface Stage {
  readonly db: Db;
  readonly url: string;
  readonly keyring: Keyring;
  readonly endings: Endings;
  readonly told: { cause: string; numbers?: unknown }[];
  kicks: number;
  with(settings: { logoutEnds: 'session' | 'person'; recipients?: Recipients }): Endings;
  sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  /** A session of the provider's, with grants, and a refresh token under each. */
  opSession(
    name: string,
    sub: string,
    clients?: Record<string, { sid: string; offline?: boolean }>,
  ): Promise<void>;
  legacySession(app: string, handle: string, of: { sub: string; op: string }): Promise<void>;
  targetSession(id: string, of: { sub: string; op?: string }): Promise<void>;
  account(sub: string): Promise<void>;
  /** What is still there, each by its name. */
  alive(): Promise<{ ops: string[]; legacy: string[]; targets: string[]; tokens: string[] }>;
  /** `kind name handle`, handles opened. */
  deliveries(): Promise<string[]>;
  clear(): Promise<void>;
  close(): Promise<void>;
}

export const uid = (name: string) => recordKey('uid', name);

export async function openStage(): Promise<Stage> {
  const database = await testDatabase();
  const db = openDb({ url: database.url });
  const keyring = openKeyring(new Secret(randomBytes(32).toString('base64')));
  const pseudonym = (sub: string) => keyring.mac('audit-subject', sub);
  const sql: Stage['sql'] = (text, values) => db.run(statement(text), values);
  const stage = { kicks: 0, told: [] } as unknown as Stage;
  const openWith: Stage['with'] = ({ logoutEnds, recipients = RECIPIENTS }) =>
    openEndings({
      db,
      recipients,
      opSessions: opSessionParts,
      settings: { logoutEnds },
      pseudonym,
      kick: () => {
        stage.kicks += 1;
      },
      onEnded: ({ cause, ended }) => stage.told.push({ cause, numbers: ended }),
    });
  const record = (kind: string, name: string, more: { grant?: string; uid?: string; payload?: object }) =>
    sql(
      `insert into oidc_records (id, kind, grant_key, uid, payload, expires_at)
       values ($1, $2, $3, $4, $5, now() + interval '1 hour')`,
      [
        recordKey(kind, name),
        kind,
        more.grant ? recordKey('Grant', more.grant) : null,
        more.uid ? uid(more.uid) : null,
        { name, ...more.payload },
      ],
    );
  return Object.assign(stage, {
    db,
    url: database.url,
    keyring,
    endings: openWith({ logoutEnds: 'session' }),
    with: openWith,
    sql,
    async opSession(
      name: string,
      sub: string,
      clients: Record<string, { sid: string; offline?: boolean }> = {},
    ) {
      const authorizations: Record<string, object> = {};
      for (const [clientId, { sid, offline }] of Object.entries(clients)) {
        const grant = `grant-${sid}`;
        authorizations[clientId] = { sid, grantId: grant, ...(offline ? { persistsLogout: true } : {}) };
        await record('Grant', grant, { payload: { accountId: sub, clientId } });
        await record('RefreshToken', `refresh-${sid}`, { grant, payload: { accountId: sub } });
      }
      await record('Session', name, { uid: name, payload: { accountId: sub, uid: name, authorizations } });
    },
    async legacySession(app: string, handle: string, { sub, op }: { sub: string; op: string }) {
      const session = {
        app,
        handle,
        sub,
        origin: 'created',
        amr: [],
        expiresAt: Date.now() / 1_000 + 3_600,
      } as const;
      await db.runParts([notePart(keyring, [session], { opSession: uid(op) })], 'select 1');
    },
    async targetSession(id: string, { sub, op }: { sub: string; op?: string }) {
      const opSession = op ? { opSession: uid(op) } : {};
      await noteTargetSession(db, {
        ...{ target: 'main', id, targetUserId: `there-${sub}`, sub },
        startedAt: Date.now() / 1_000,
        ...opSession,
      });
    },
    async account(sub: string) {
      const common = { target: 'main', sub, subject: pseudonym(sub), actor: 'user' } as const;
      await db.runParts(proveParts({ ...common, legacyId: sub, amr: ['pwd'] }), 'select 1');
      await move(db, { ...common, event: 'create', targetUserId: `there-${sub}` });
    },
    async alive() {
      const names = async (text: string) => (await sql(text)).map(({ name }) => String(name)).sort();
      const kept = (kind: string) =>
        names(`select payload ->> 'name' as name from oidc_records where kind = '${kind}'`);
      const handles = await sql('select app, handle from legacy_sessions where ended_at is null');
      return {
        ops: await kept('Session'),
        legacy: handles.map(({ app, handle }) => openHandle(keyring, String(app), String(handle))!).sort(),
        targets: await names('select id as name from target_sessions where ended_at is null'),
        tokens: await kept('RefreshToken'),
      };
    },
    async deliveries() {
      const rows = await sql('select kind, name, sub, handle from logout_deliveries');
      return rows
        .map(({ kind, name, sub, handle }) => {
          const opened =
            kind === 'legacy' && handle ? openHandle(keyring, String(name), String(handle)) : handle;
          return `${kind} ${name} ${opened ?? `all of ${sub}`}`;
        })
        .sort();
    },
    async clear() {
      await sql(
        'truncate oidc_records, legacy_sessions, target_sessions, session_endings, logout_deliveries, ledger',
      );
      stage.kicks = 0;
      stage.told.length = 0;
    },
    async close() {
      await db.close();
      await database.drop();
    },
  });
}

/** Anna in two browsers, Bob in one. */
export async function openWorld(stage: Stage): Promise<void> {
  await stage.clear();
  await stage.opSession('A', 'anna', {
    shop: { sid: 'a1' },
    forum: { sid: 'a2', offline: true },
    quiet: { sid: 'a3' },
  });
  await stage.legacySession('old', 'h1', { sub: 'anna', op: 'A' });
  await stage.legacySession('older', 'h2', { sub: 'anna', op: 'A' });
  await stage.targetSession('t1', { sub: 'anna', op: 'A' });
  await stage.opSession('B', 'anna', { shop: { sid: 'b1' } });
  await stage.legacySession('old', 'h3', { sub: 'anna', op: 'B' });
  await stage.targetSession('t2', { sub: 'anna' });
  await stage.account('anna');
  await stage.opSession('C', 'bob', { shop: { sid: 'c1' } });
  await stage.legacySession('old', 'h4', { sub: 'bob', op: 'C' });
  await stage.targetSession('t3', { sub: 'bob', op: 'C' });
}

export const idOf = (stage: Stage, handle: string) => idsOf(stage.keyring, 'old', handle);
