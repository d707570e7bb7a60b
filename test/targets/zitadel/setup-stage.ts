/** A ZITADEL, the real front of our provider with a client for it, a real database, and the setup between them. */
import { randomBytes } from 'node:crypto';
import { Secret } from '../../../src/settings.ts';
import type { Db } from '../../../src/store/db.ts';
import { openDb } from '../../../src/store/db.ts';
import type { Keyring } from '../../../src/store/encryption.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import { openTargets } from '../../../src/targets/index.ts';
import type { StepResult } from '../../../src/targets/run-setup.ts';
import { runSteps, undoAll } from '../../../src/targets/run-setup.ts';
import type { OurClient, Setup, SetupDeps } from '../../../src/targets/setup.ts';
import type { Target } from '../../../src/targets/target.ts';
import { targetSettings } from '../../../src/targets/target-settings.ts';
import { openStage as openFront } from '../../provider/harness.ts';
import { testDatabase } from '../../support/postgres.ts';
import type { Zitadel } from '../../support/zitadel/index.ts';
import { openZitadel } from '../../support/zitadel/index.ts';

export const CLIENT_SECRET = 'CANARY-client-secret-0123456789';

type Deps = Partial<Pick<SetupDeps, 'client' | 'nowMs' | 'isSynced'>>;

export interface SetupStage {
  readonly zitadel: Zitadel;
  readonly issuer: string;
  readonly db: Db;
  readonly databaseUrl: string;
  readonly keyring: Keyring;
  readonly client: OurClient;
  /** The same target every time, with other settings. */
  target(more?: object): Target;
  open(more?: object, deps?: Deps): Setup;
  /** What every step came to, by its id. */
  run(
    options: { readonly execute: boolean },
    more?: object,
    deps?: Deps,
  ): Promise<Record<string, StepResult['outcome']>>;
  results(options: { readonly execute: boolean }, more?: object, deps?: Deps): Promise<StepResult[]>;
  tearDown(more?: object): Promise<Record<string, string>>;
  /** What was asked of ZITADEL since then, without what only reads. */
  writesSince(count: number): string[];
  close(): Promise<void>;
}

/** Nobody is there, which is enough where nobody logs in. */
async function openNobody() {
  const database = await testDatabase();
  const db = openDb({ url: database.url });
  const close = async () => {
    await db.close();
    await database.drop();
  };
  return { issuer: 'http://127.0.0.1:9', db, databaseUrl: database.url, close };
}

/** `withFront`: our provider's real pages answer at the issuer. */
export async function openSetupStage({ withFront = false } = {}): Promise<SetupStage> {
  const zitadel = await openZitadel();
  const redirectUris = ['/ui/login/login/externalidp/callback', '/idps/callback'].map(
    (path) => zitadel.url + path,
  );
  const registered = { clientId: 'zitadel', secret: CLIENT_SECRET, redirectUris };
  const ours = withFront ? await openFront({ clients: [registered] }) : await openNobody();
  const { issuer, db, databaseUrl } = ours;
  const keyring = openKeyring(new Secret(randomBytes(32).toString('base64')));
  const client: OurClient = {
    clientId: 'zitadel',
    secret: new Secret(CLIENT_SECRET),
    authMethod: 'client_secret_basic',
    redirectUris,
    grantTypes: ['authorization_code'],
    pkce: 'required',
  };
  const target = (more: object = {}): Target => {
    const api = { url: zitadel.url, token: zitadel.token, perSecond: 1_000 };
    const base = { name: 'main', kind: 'zitadel', displayName: 'New', loginUrl: 'https://new.example/' };
    return openTargets(targetSettings.parse([{ ...base, clientIds: ['zitadel'], api, ...more }])).all[0]!;
  };
  const open: SetupStage['open'] = (more, deps) => {
    const one = target(more);
    return one.openSetup!(one, { db, keyring, issuer, client, ...deps });
  };
  const within = async <T>(
    more: object | undefined,
    work: (setup: Setup) => Promise<T>,
    deps: Deps = {},
  ): Promise<T> => {
    const setup = open(more, deps);
    return work(setup).finally(() => setup.close());
  };
  const results: SetupStage['results'] = (options, more, deps) =>
    within(more, async (setup) => runSteps(await setup.steps(), options), deps);
  return {
    zitadel,
    issuer,
    db,
    databaseUrl,
    keyring,
    client,
    target,
    open,
    results,
    run: async (options, more, deps) =>
      Object.fromEntries((await results(options, more, deps)).map(({ id, outcome }) => [id, outcome])),
    tearDown: (more) =>
      within(more, async (setup) => {
        const undone = await undoAll(setup, { db, target: 'main' }, { execute: true });
        return Object.fromEntries(undone.map(({ id, outcome, problem }) => [id, problem ?? outcome]));
      }),
    writesSince: (count) =>
      zitadel.requests
        .slice(count)
        .filter(({ verb, path }) => verb !== 'GET' && !/[/_]search$/.test(path))
        .map(({ verb, path }) => `${verb} ${path}`),
    close: async () => {
      await ours.close();
      await zitadel.close();
    },
  };
}
