/**
 * Sessions at a ZITADEL and here. The ZITADEL is the stand-in, which tells of them itself over HTTP; hooks, ledger, mover,
 * endings and tables are the real ones. The provider's sessions are rows as it keeps them, of logins that nobody did.
 */
import { randomBytes } from 'node:crypto';
import { passwordSettings } from '../../../src/credentials/password-settings.ts';
import { openPasswords } from '../../../src/credentials/passwords.ts';
import { openAtLogin } from '../../../src/migration/hooks/at-login.ts';
import { hooksRoutes } from '../../../src/migration/hooks/hooks-routes.ts';
import { move } from '../../../src/migration/ledger.ts';
import { openMover } from '../../../src/migration/moving/moving.ts';
import { opSessionParts } from '../../../src/provider/ending.ts';
import { listSessions } from '../../../src/provider/records.ts';
import type { EndingRequest } from '../../../src/sessions/ending/ending.ts';
import { openEndings } from '../../../src/sessions/ending/endings.ts';
import type { TargetSessionRow } from '../../../src/sessions/target-sessions.ts';
import { targetSession } from '../../../src/sessions/target-sessions.ts';
import type { TargetSessions } from '../../../src/sessions/targets/open.ts';
import { openTargetSessions } from '../../../src/sessions/targets/open.ts';
import { Secret } from '../../../src/settings.ts';
import { openTargets } from '../../../src/targets/index.ts';
import { recordResource } from '../../../src/targets/resources.ts';
import type { Target, Targets } from '../../../src/targets/target.ts';
import { targetSettings } from '../../../src/targets/target-settings.ts';
import { HOOK_CONDITIONS } from '../../../src/targets/zitadel/hooks.ts';
import type { Stage } from '../../migration/stage.ts';
import { openStage } from '../../migration/stage.ts';
import { execute } from '../../support/database.ts';
import { UNPLANNED } from '../../support/unplanned.ts';
import type { Zitadel } from '../../support/zitadel/index.ts';
import { openZitadel } from '../../support/zitadel/index.ts';
import { addIdp } from '../../targets/zitadel/connected.ts';

export const PASSWORD = 'Correct-horse-1';

const CLIENT = 'main-login';

export interface TargetStage {
  readonly zitadel: Zitadel;
  readonly stage: Stage;
  readonly target: Target;
  readonly targets: Targets;
  readonly sessions: TargetSessions;
  /** What was asked to end. */
  readonly endings: EndingRequest[];
  readonly errors: unknown[];
  /** Somebody who is at both sides. */
  person(): Promise<{ sub: string; id: string }>;
  /** At the provider, at a client of the target's; its uid. */
  authorized(sub: string, agoSeconds?: number): Promise<Buffer>;
  /** The uids of those of this person's sessions of the provider that are live. */
  opSessions(sub: string): Promise<Buffer[]>;
  /** Who is to be told what. */
  deliveries(sub: string): Promise<Record<string, unknown>[]>;
  /** Logs in at the target with a password; the session's id. */
  logIn(id: string, password?: string): Promise<string>;
  /** As Login V2 does it. */
  logOut(sessionId: string): Promise<void>;
  row(sessionId: string): Promise<TargetSessionRow | undefined>;
  /** Lets a session be due for being asked about. */
  due(): Promise<void>;
  settled(): Promise<void>;
  close(): Promise<void>;
}

export interface TargetStageOptions {
  readonly sessions?: object;
  /** Our own role there. */
  readonly roles?: readonly string[];
}

export async function openTargetStage(options: TargetStageOptions = {}): Promise<TargetStage> {
  const zitadel = await openZitadel();
  const ourIdp = addIdp(zitadel, 'footbridge');
  const { token } = options.roles ? zitadel.oauth.addServiceUser({ roles: options.roles }) : zitadel;
  const settings = {
    name: 'main',
    kind: 'zitadel',
    displayName: 'New',
    loginUrl: 'https://new.example/',
    clientIds: [CLIENT],
    api: { url: zitadel.url, token, identityProvider: ourIdp, perSecond: 1_000, timeoutMs: 10_000 },
    sessions: options.sessions ?? {},
  };
  const targets = openTargets(targetSettings.parse([settings]), { issuer: 'https://id.example.com' });
  const target = targets.byName('main')!;
  const passwords = openPasswords(passwordSettings.parse({}));
  const endings: EndingRequest[] = [];
  /** When which of the provider's sessions was last at the target's client. */
  const lately = new Map<string, number>();
  const errors: unknown[] = [];
  let sessions: TargetSessions | undefined;
  const stage = await openStage({
    routes: ({ db, keyring, directory, pseudonym, onError }) => {
      const real = openEndings({
        db,
        recipients: { clients: [CLIENT], apps: [], appsByPerson: [], targets: ['main'] },
        opSessions: opSessionParts,
        settings: { logoutEnds: 'session' },
        pseudonym,
        kick: () => undefined,
      });
      const live = async (sub: string) => (await listSessions(db, { sub }, 100)).map(({ uid }) => uid);
      sessions = openTargetSessions({
        db,
        targets,
        endings: {
          end: (request) => {
            endings.push(request);
            return real.end(request);
          },
        },
        opSessionOf: async ({ sub, at }) => {
          const whens = (await live(sub)).map((uid) => [uid, lately.get(uid.toString('hex'))!] as const);
          const found = whens.filter(([, when]) => when <= at && when > at - 600);
          return found.length === 1 ? found[0]![0] : undefined;
        },
        opSessionsOf: ({ sub }) => live(sub),
        onError: (error) => errors.push(error),
      });
      const common = {
        ...{ db, keyring, directory, passwords, targets, pseudonym },
        issuer: 'https://id.example.com',
        ourIdp: async () => ourIdp,
      };
      const atLogin = openAtLogin({
        ...common,
        routing: UNPLANNED,
        mover: openMover(common),
        provePassword: async () => ({ kind: 'unknown' }) as never,
        ourUserId: async () => targets.connection('main')?.ownUserId?.(),
        onSession: (at, call) => sessions!.heard(at, call),
        onError: (error) => errors.push(error),
      });
      return hooksRoutes({ db, keyring, targets, onError, atLogin });
    },
  });
  await installEvents(zitadel, stage);
  const settled = () => zitadel.events.settled();
  let serial = 0;
  return {
    ...{ zitadel, stage, target, targets, sessions: sessions!, endings, errors, settled },
    async person() {
      const id = `user-${++serial}`;
      const sub = `shop:${serial}`;
      await zitadel.loginClient('POST', '/v2/users/human', {
        userId: id,
        username: id,
        profile: { givenName: 'A', familyName: 'B' },
        email: { email: `${id}@example.com`, isVerified: true },
        password: { password: PASSWORD },
      });
      await settled();
      const common = { target: 'main', sub, actor: 'test', subject: stage.pseudonym(sub) };
      await stage.login(sub);
      await move(stage.db, { ...common, event: 'create', targetUserId: id });
      return { sub, id };
    },
    async authorized(sub, agoSeconds = 5) {
      const uid = randomBytes(32);
      lately.set(uid.toString('hex'), Date.now() / 1_000 - agoSeconds);
      const payload = { accountId: sub, authorizations: { [CLIENT]: { sid: `sid-${++serial}` } } };
      await execute(
        stage.databaseUrl,
        `insert into oidc_records (id, kind, uid, payload, expires_at) values ($1, 'Session', $2, $3, now() + interval '1 day')`,
        [randomBytes(32), uid, payload],
      );
      return uid;
    },
    opSessions: async (sub) => (await listSessions(stage.db, { sub }, 100)).map(({ uid }) => uid),
    deliveries: (sub) =>
      execute(
        stage.databaseUrl,
        'select kind, name, handle from logout_deliveries where sub = $1 order by id',
        [sub],
      ),
    async logIn(id, password = PASSWORD) {
      const checks = { user: { userId: id }, password: { password } };
      const { sessionId } = await zitadel.loginClient<{ sessionId: string }>('POST', '/v2/sessions', {
        checks,
      });
      await settled();
      return sessionId;
    },
    async logOut(sessionId) {
      await zitadel.loginClient('DELETE', `/v2/sessions/${sessionId}`, {});
      await settled();
    },
    row: (sessionId) => targetSession(stage.db, 'main', sessionId),
    async due() {
      await execute(stage.databaseUrl, `update target_sessions set seen_at = now() - interval '1 hour'`);
    },
    async close() {
      await zitadel.close();
      await stage.close();
      await targets.close();
      await passwords.close();
    },
  };
}

/** As `target setup` does it. */
async function installEvents(zitadel: Zitadel, stage: Stage): Promise<void> {
  const api = async (method: string, path: string, body: object) => {
    const headers = { authorization: `Bearer ${zitadel.token}`, 'content-type': 'application/json' };
    const answer = await fetch(zitadel.url + path, { method, headers, body: JSON.stringify(body) });
    return (await answer.json()) as { id: string; signingKey: string };
  };
  const made = await api('POST', '/v2/actions/targets', {
    name: 'events',
    endpoint: `${stage.url}/hooks/zitadel/main/events`,
    timeout: '10s',
    restWebhook: { interruptOnError: true },
  });
  await recordResource(stage.db, stage.keyring, {
    target: 'main',
    kind: 'action-target',
    name: 'events',
    remoteId: made.id,
    key: new Secret(made.signingKey),
  });
  for (const event of HOOK_CONDITIONS.events.event.filter((name) => !/^user\.idp\./.test(name)))
    await api('PUT', '/v2/actions/executions', { condition: { event: { event } }, targets: [made.id] });
}
