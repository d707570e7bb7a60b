/** What has to hold after every batch, whatever happened in it. */
import { expect } from 'vitest';
import type { BatchStage } from './batch-stage.ts';

/** So many are at the target, each once, as the ledger and the legacy store have them; no lease is left. */
export async function ensured(
  stage: Pick<BatchStage, 'target' | 'sql' | 'legacySql'>,
  { moved }: { readonly moved: number },
): Promise<void> {
  const there = [...stage.target.people.values()];
  const bySub = new Map(there.map((one) => [one.user.sub, one]));
  expect(there.length).toBe(moved);
  expect(bySub.size).toBe(moved);
  const rows = await stage.sql(
    `select sub, target_user_id as id, state from ledger where state in ('created', 'migrated')`,
  );
  expect(rows.length).toBe(moved);
  for (const { sub, id } of rows) expect(bySub.get(String(sub))?.user.targetUserId).toBe(id);
  const legacy = await stage.legacySql('select id, login, email, given, family, password from people');
  for (const person of legacy) {
    const user = bySub.get(`shop:${person.id}`)?.user;
    if (!user) continue;
    expect([
      user.username,
      user.email?.address,
      user.givenName,
      user.familyName,
      user.password?.encoded,
    ]).toEqual([person.login, person.email, person.given, person.family, person.password]);
  }
  expect(await stage.sql('select count(*)::int from target_work where leased_until > now()')).toEqual([
    { count: 0 },
  ]);
  expect(
    await stage.sql(`select sum(users)::int as counted from batch_counts where outcome <> 'users'`),
  ).toEqual(await stage.sql('select count(*)::int as counted from batch_users where outcome is not null'));
}
