/** The old shop as it is kept equal: its triggers, and what may be written to it. */
import type { Town } from '../batch/town.ts';

/** For `legacy.sql`. */
export const applyToShop = () => ({
  changes: { by: 'outbox' },
  apply: {
    email: 'email',
    emailVerified: { column: 'confirmed_at', values: { true: 'now', false: null } },
    givenName: 'first_name',
    familyName: 'last_name',
    phoneNumber: 'phone',
    state: { column: 'active', values: { active: 'Y', disabled: 'N' } },
    password: {
      statement: "update customers set pw = :value, pw_kind = 'bcrypt', salt = null where id = :id",
      format: 'bcrypt',
    },
  },
});

/** One column of one customer. */
export async function atShop(town: Town, id: number, column: string): Promise<unknown> {
  const [row] = await town.shop.sql(`select ${column} as value from customers where id = $1`, [id]);
  return row?.value;
}

export interface Status {
  readonly pairs: readonly {
    readonly target: string;
    readonly state: string;
    readonly queue: { readonly live: number; readonly backlog: number; readonly dead: number } | null;
    readonly people: { readonly atTarget: number; readonly compared: number; readonly equal: number };
    readonly open: readonly { readonly kind: string; readonly conflicts: number }[];
  }[];
}

export const statusOf = async (town: Town) => (await town.told<Status>('sync', 'status')).pairs[0]!;

/** Nobody waits for anything. */
export async function isQuiet(town: Town): Promise<boolean> {
  const { queue } = await statusOf(town);
  const [waiting] = await town.shop.sql('select count(*)::int as rows from footbridge_changes');
  const [heard] = await town.sql('select count(*)::int as events from target_events where done_at is null');
  return queue !== null && queue.live + queue.backlog === 0 && waiting?.rows === 0 && heard?.events === 0;
}
