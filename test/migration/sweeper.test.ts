import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sweepMigration } from '../../src/migration/sweeper.ts';
import { execute } from '../support/database.ts';
import type { Stage } from './stage.ts';
import { openStage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());

const sql = (text: string) => execute(stage.databaseUrl, text);
const count = async (table: string) => Number((await sql(`select count(*) as rows from ${table}`))[0]?.rows);

describe('the sweeper', () => {
  test.each([
    [
      'redeemed_tickets',
      `select sha256(n::text::bytea), now() - interval '1 second'`,
      `select 'fresh'::bytea, now() + interval '1 minute'`,
    ],
    [
      'seen_signatures',
      `select sha256(n::text::bytea), now() - interval '301 seconds'`,
      `select 'fresh'::bytea, now() - interval '200 seconds'`,
    ],
    ['release_volume', `select 'caller-' || n, current_date - 32, 1`, `select 'caller', current_date - 1, 1`],
    ['release_rate', `select 'caller-' || n, 1, now() - interval '25 hours'`, `select 'caller', 1, now()`],
    [
      'ledger_outbox (target, sub, event, from_state, to_state, version, at)',
      `select 'main', 'shop:' || n, 'prove', 'legacy', 'authenticated', 1, now() - interval '8 days'`,
      `select 'main', 'shop:1', 'prove', 'legacy', 'authenticated', 1, now() - interval '6 days'`,
    ],
  ])('removes from %s what has served its time, and only that', async (into, old, fresh) => {
    const table = into.split(' ')[0]!;
    await sql(`insert into ${into} ${old} from generate_series(1, 2500) n`);
    await sql(`insert into ${into} ${fresh}`);
    expect(await sweepMigration(stage.db)).toBe(2_500);
    expect(await count(table)).toBe(1);
    expect(await sweepMigration(stage.db)).toBe(0);
  });
});
