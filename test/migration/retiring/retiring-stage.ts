/** A ledger with people in it, and a target in a table of ours, so that it survives whoever is killed. */
import { randomBytes } from 'node:crypto';
import { secretsAt } from '../../../src/admin/retire/retire-desk.ts';
import { FootbridgeError } from '../../../src/errors.ts';
import type { WipeStep, WipingDeps } from '../../../src/migration/retiring/wiping.ts';
import { Secret } from '../../../src/settings.ts';
import { openDb } from '../../../src/store/db.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import type { FoundUser, TargetConnection } from '../../../src/targets/connection.ts';
import { execute } from '../../support/database.ts';

export const TARGET = 'new-one';
export const subOf = (id: number) => `shop:${String(id).padStart(3, '0')}`;

export interface Place {
  readonly url: string;
  readonly masterKey: string;
}

export const newKey = () => randomBytes(32).toString('base64');

/** `there` has the target's users: what they can log in with, and whether our link is there. */
export async function peopleAt(url: string, count: number): Promise<void> {
  await execute(
    url,
    'create table there (id text primary key, has_password boolean, is_linked boolean, unlinked int default 0)',
  );
  for (let id = 1; id <= count; id += 1) {
    const sub = subOf(id);
    await execute(
      url,
      `insert into ledger (target, sub, state, from_state, target_user_id, released_of) values ($1, $2, 'migrated', 'created', $3, 'print')`,
      [TARGET, sub, `user-${sub}`],
    );
    await execute(url, 'insert into there (id, has_password, is_linked) values ($1, $2, true)', [
      `user-${sub}`,
      id % 4 !== 0,
    ]);
  }
}

export function openStage({ url, masterKey }: Place, afterStep?: WipingDeps['afterStep']) {
  const db = openDb({ url });
  const keyring = openKeyring(new Secret(masterKey));
  const state = { isAway: false };
  const asked = <T>(work: () => Promise<T>): Promise<T> => {
    if (state.isAway) return Promise.reject(unavailable());
    return work();
  };
  const connection: Pick<TargetConnection, 'userById' | 'unlink'> = {
    userById: (id) =>
      asked(async () => {
        const [row] = await execute(url, 'select has_password, is_linked from there where id = $1', [id]);
        if (!row) return undefined;
        const sub = id.slice('user-'.length);
        return {
          ...{ targetUserId: id, username: id, loginName: id, state: 'active', metadata: {}, hasTotp: false },
          hasPassword: row.has_password === true,
          links: row.is_linked ? [{ idpId: 'ours', userId: sub, userName: sub }] : [],
        } satisfies FoundUser;
      }),
    unlink: (id) =>
      asked(async () => {
        await execute(
          url,
          'update there set is_linked = false, unlinked = unlinked + 1 where id = $1 and is_linked',
          [id],
        );
      }),
  };
  const deps: WipingDeps = {
    ...{ db, target: TARGET, ourIdps: new Set(['ours']), actor: 'operator:erika' },
    connection: connection as TargetConnection,
    secrets: secretsAt({ keyring }, TARGET),
    pseudonym: (sub) => keyring.mac('audit-subject', sub),
    ...(afterStep ? { afterStep } : {}),
  };
  return { db, deps, state, close: () => db.close() };
}

export type Step = WipeStep;

const unavailable = () => new FootbridgeError('target_unavailable');
