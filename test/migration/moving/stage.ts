/** People on their way to a ZITADEL, from a legacy store that is a file: over real HTTP and in a real database. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { find, move, proveParts } from '../../../src/migration/ledger.ts';
import type { MoveRequest } from '../../../src/migration/moving/mover.ts';
import { targetUserIdOf } from '../../../src/migration/moving/target-user.ts';
import type { ListedWork } from '../../../src/migration/moving/target-work.ts';
import { listWork } from '../../../src/migration/moving/target-work.ts';
import type { Step } from '../../../src/migration/moving/try.ts';
import type { Event } from '../../../src/migration/states.ts';
import type { Credentials, LegacyEntry, User } from '../../../src/user.ts';
import { execute } from '../../support/database.ts';
import { testDatabase } from '../../support/postgres.ts';
import type { Zitadel } from '../../support/zitadel/index.ts';
import { openZitadel } from '../../support/zitadel/index.ts';
import type { Errand } from './child.ts';
import type { Place } from './place.ts';
import { ISSUER, openPlace, readFlags, writePeople } from './place.ts';

export const OLD = {
  password: 'old password',
  hash: '$2b$04$kYWyY2LU/AWI3HAIcelCzeiRfwwLt8FUm8nPRxS2T/X4EfJFuaCPm',
};
export const NEW = {
  password: 'new password',
  hash: '$2b$04$g0mgmHMnNWKWSrfyRgqcEuGfaxVwUkk73Gfx.PpLKcqpcyR4CWSw6',
};
const SEED = Buffer.from('a seed of 20 bytes..');
export const TOTP = { secret: SEED, algorithm: 'SHA1', digits: 6, periodSeconds: 30 } as const;

export function person(
  id: string,
  more: Partial<User> = {},
  credentials: Partial<Credentials> = {},
): LegacyEntry {
  return {
    user: {
      sub: `shop:${id}`,
      legacyId: id,
      username: `user-${id}`,
      email: `${id}@example.com`,
      emailVerified: true,
      phoneNumberVerified: false,
      givenName: 'Anna',
      familyName: 'Tester',
      state: 'active',
      roles: ['buyer'],
      attributes: {},
      ...more,
    },
    credentials: { passwords: [bcrypt(OLD.hash)], totp: TOTP, ...credentials },
  };
}

export const bcrypt = (hash: string) => ({ format: 'bcrypt', columns: { password: hash } });

export type MovingStage = Awaited<ReturnType<typeof openMovingStage>>;

export async function openMovingStage(more: { readonly users?: object; readonly target?: object } = {}) {
  const database = await testDatabase();
  const zitadel = await openZitadel();
  const idp = await addIdp(zitadel);
  const folder = mkdtempSync(join(tmpdir(), 'footbridge-moving-'));
  const target = {
    name: 'main',
    kind: 'zitadel',
    displayName: 'The new one',
    loginUrl: 'https://new.example/',
    clientIds: ['main-login'],
    api: { url: zitadel.url, token: zitadel.token, identityProvider: idp, perSecond: 1_000 },
    users: { grants: [{ role: 'buyer', project: 'shop', roles: ['customer'] }], ...more.users },
    ...more.target,
  };
  const place: Place = {
    databaseUrl: database.url,
    masterKey: randomBytes(32).toString('base64'),
    folder,
    targets: [target],
  };
  const people: Record<string, LegacyEntry> = {};
  const world = openPlace(place);
  const { db, audit } = world;
  const dead: ReturnType<typeof openPlace>[] = [];
  const sql = (text: string, values?: unknown[]) => execute(database.url, text, values);
  const put = (entry: LegacyEntry) => {
    people[entry.user.sub] = entry;
    writePeople(folder, people);
    return entry.user.sub;
  };
  const stage = {
    ...world,
    place,
    zitadel,
    idp,
    folder,
    put,
    remove: (sub: string) => {
      delete people[sub];
      writePeople(folder, people);
    },
    sql,
    /** Somebody of the legacy store who has just logged in. */
    someone: async (id: string, user: Partial<User> = {}, credentials: Partial<Credentials> = {}) => {
      const sub = put(person(id, user, credentials));
      await stage.login(sub);
      return sub;
    },
    login: async (sub: string) => {
      const proof = {
        target: 'main',
        sub,
        legacyId: sub.slice(5),
        amr: ['pwd'],
        subject: audit.pseudonym(sub),
      };
      await db.runParts([...proveParts(proof), ...world.mover.requestParts(request(sub))], 'select 1');
    },
    happens: (sub: string, event: Event, targetUserId?: string) =>
      move(db, {
        target: 'main',
        sub,
        event,
        actor: 'operator:test',
        subject: audit.pseudonym(sub),
        ...(targetUserId ? { targetUserId } : {}),
      }),
    row: (sub: string) => find(db, 'main', sub),
    work: async (sub: string): Promise<ListedWork | undefined> =>
      (await listWork(db, undefined, 1_000)).find((one) => one.sub === sub),
    /** As when the node that held them has been dead for half a minute, and no pause is due. */
    leasesRunOut: () =>
      sql(`update target_work set leased_until = now() - interval '1 second',
        due_at = least(due_at, now()) where due_at < 'infinity'`),
    /** The target's own id of whom we make. */
    idOf: (sub: string, removals = 0) => targetUserIdOf('main', sub, removals),
    linkedTo: (sub: string) =>
      [...zitadel.instance.users.values()].filter(({ links }) =>
        links.some(({ idpId, userId }) => idpId === idp && userId === sub),
      ),
    flags: (sub: string) => readFlags(folder).filter((line) => line.startsWith(`${sub} `)),
    /** How often ZITADEL was asked for it. */
    calls: (rpc: string) => zitadel.requests.filter((seen) => seen.rpc?.endsWith(`/${rpc}`)).length,
    errand: (errand: Omit<Errand, 'place'>) => runErrand({ place, ...errand }),
    /** A node takes up this person's move, and does nothing any more after this step: as if it had been killed. */
    dies: async (step: Step, sub: string): Promise<void> => {
      const reached = Promise.withResolvers<void>();
      const afterStep = async (done: Step) => {
        if (done !== step) return;
        reached.resolve();
        await new Promise(() => undefined);
      };
      const node = openPlace(place, { afterStep });
      void node.mover.move(request(sub)).catch(reached.reject);
      await reached.promise;
      // It renews its lease no more either.
      await node.db.close();
      dead.push(node);
    },
    /** Somebody whom ZITADEL has made of itself when they came back from a login at us: no password, no factor. */
    makeThere: async (sub: string): Promise<string> => {
      const id = zitadel.instance.newId();
      const response = await fetch(`${zitadel.url}/v2/users/human`, {
        method: 'POST',
        headers: { authorization: `Bearer ${zitadel.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          userId: id,
          username: `there-${sub}`,
          profile: { givenName: 'A', familyName: 'B' },
          email: { email: 'there@example.com', isVerified: true },
          idpLinks: [{ idpId: idp, userId: sub, userName: `there-${sub}` }],
        }),
      });
      expect(response.status).toBe(200);
      return id;
    },
    close: async () => {
      for (const { targets, passwords } of dead) await Promise.all([targets.close(), passwords.close()]);
      await world.close();
      await zitadel.close();
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return stage;
}

export const request = (sub: string, more: Partial<MoveRequest> = {}): MoveRequest => ({
  target: 'main',
  sub,
  road: 'login',
  actor: 'user',
  ...more,
});

/** One user there, complete, and nothing left to do. */
export async function expectMoved(stage: MovingStage, sub: string, password = OLD.password): Promise<void> {
  const [user, ...others] = stage.linkedTo(sub);
  expect(others).toEqual([]);
  expect(user).toMatchObject({ state: 'USER_STATE_ACTIVE', totp: { isReady: true } });
  const id = user?.id ?? '';
  expect(await stage.zitadel.opens(id, password)).toBe(true);
  expect(Buffer.from(user?.metadata.legacy_id ?? '', 'base64').toString()).toBe(sub.slice(5));
  const grants = [...stage.zitadel.instance.grants.values()].filter(({ userId }) => userId === id);
  expect(grants).toMatchObject([{ projectId: 'shop', roleKeys: ['customer'] }]);
  expect(await stage.row(sub)).toMatchObject({ state: 'migrated', targetUserId: id });
  expect(stage.flags(sub)).toContain(`${sub} true`);
  expect(await stage.work(sub)).toBeUndefined();
  expect(stage.zitadel.violations).toEqual([]);
}

async function addIdp(zitadel: Zitadel): Promise<string> {
  const response = await fetch(`${zitadel.url}/admin/v1/idps/generic_oidc`, {
    method: 'POST',
    headers: { authorization: `Bearer ${zitadel.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      name: 'Footbridge',
      issuer: ISSUER,
      clientId: 'main-login',
      clientSecret: 'secret',
      providerOptions: { isLinkingAllowed: true, isCreationAllowed: true },
    }),
  });
  const { id } = (await response.json()) as { id: string };
  return id;
}

const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));

/** What a process of its own came to: its result, or the signal that killed it. */
async function runErrand(errand: Errand): Promise<{ signal: NodeJS.Signals | null; result: unknown }> {
  const child = spawn(process.execPath, [CHILD, JSON.stringify(errand)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (...end) => resolve(end));
  });
  if (code) throw new Error(`the process failed: ${code} ${output}`);
  return { signal, result: output ? JSON.parse(output) : undefined };
}
