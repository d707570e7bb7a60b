/** Ending everybody's sessions while others log in. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newRecord, recordKey } from '../../../src/provider/record.ts';
import { changeParts } from '../../../src/provider/records.ts';
import type { Stage } from './stage.ts';
import { openStage } from './stage.ts';

const SESSIONS = 10_000;
const BATCH = 500;
/** Well below the two seconds after which a statement gives up on a lock. */
const LONGEST_MS = 1_500;

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());

test('ten thousand sessions end in batches, and no login waits for them', async () => {
  await stage.sql(
    `insert into oidc_records (id, kind, uid, payload, expires_at)
     select sha256(convert_to('id' || n, 'UTF8')), 'Session', sha256(convert_to('uid' || n, 'UTF8')),
       jsonb_build_object('accountId', 'person-' || n / 2, 'authorizations',
         jsonb_build_object('shop', jsonb_build_object('sid', 's' || n, 'grantId', 'g' || n))), now() + interval '1 day'
     from generate_series(1, $1) n`,
    [SESSIONS],
  );
  await stage.sql(
    `insert into oidc_records (id, kind, payload, expires_at)
     select sha256(convert_to('Grant:g' || n, 'UTF8')), 'Grant', jsonb_build_object('accountId', 'person-' || n / 2),
       now() + interval '1 day' from generate_series(1, $1) n`,
    [SESSIONS],
  );
  const state = { isOver: false, logins: 0, longest: 0 };
  const logins = Array.from({ length: 3 }, (_, worker) => logInUntil(state, worker));
  const left = async () =>
    Number(
      (
        await stage.sql(
          `select count(*)::int as n from oidc_records where kind = 'Session' and payload ->> 'accountId' like 'person-%'`,
        )
      )[0]!.n,
    );
  const request = { cause: 'operator', actor: 'operator:x', isBulk: true } as const;
  while ((await left()) > 0)
    await stage.endings.end({ selection: { by: 'any', limit: BATCH, clientId: 'shop' }, ...request });
  state.isOver = true;
  await Promise.all(logins);
  expect(await stage.sql(`select count(*)::int as n from oidc_records where kind = 'Grant'`)).toEqual([
    { n: 0 },
  ]);
  expect(
    await stage.sql(`select count(*)::int as n from logout_deliveries where lane = 1 and kind = 'client'`),
  ).toEqual([{ n: SESSIONS }]);
  expect(state.logins).toBeGreaterThan(20);
  expect(state.longest).toBeLessThan(LONGEST_MS);
});

/** Each login is a new session, which gets another id when its person comes back from the login page. */
async function logInUntil(
  state: { isOver: boolean; logins: number; longest: number },
  worker: number,
): Promise<void> {
  const none = {
    consumed: [],
    sessions: [],
    saved: [],
    once: [],
    destroyed: [],
    endedSessions: [],
    revokedGrants: [],
    trusted: { ids: [], sessions: [] },
  };
  while (!state.isOver) {
    const name = `login-${worker}-${state.logins}`;
    const payload = { uid: name, accountId: `newcomer-${worker}` };
    const saved = newRecord('Session', name, payload, 3_600);
    const startedAt = performance.now();
    await stage.db.runParts(changeParts({ ...none, saved: [saved] }), 'select open from gate');
    const renamed = {
      ...saved,
      id: recordKey('Session', `${name}-later`),
      previousId: saved.id,
      removedClients: [],
    };
    const [row] = await stage.db.runParts<{ open: boolean }>(
      changeParts({ ...none, sessions: [renamed] }),
      'select open from gate',
    );
    expect(row?.open).toBe(true);
    state.longest = Math.max(state.longest, performance.now() - startedAt);
    state.logins += 1;
  }
}
