/** What has to be well before both sides are kept equal, looked at one by one: nothing is changed by it. */
import { isFootbridgeError } from '../../errors.ts';
import { connectionOf } from '../../migration/moving/back.ts';
import { feedRows } from '../../sync/intake/feeds.ts';
import type { PairSettings } from '../../sync/sync-settings.ts';
import type { Desk } from '../operation.ts';
import { syncOf, unwrittenFields } from './sync-desk.ts';

export interface StartCheck {
  readonly what: string;
  /** Sentences; none: it is well. */
  readonly problems: readonly string[];
}

/** All of them, whatever the first says. Throws storage_unavailable. */
export async function startChecks(desk: Desk, { target }: PairSettings): Promise<StartCheck[]> {
  const { directory, db } = desk;
  const rows = await feedRows(db);
  return [
    await checked(`the API of ${target} answers`, () => askTarget(desk, target)),
    await checked('the legacy store answers', async () => {
      await directory.check();
      return [];
    }),
    await checked('the queue answers', async () => {
      await syncOf(desk).queue.stats();
      return [];
    }),
    ...(await each(directory.setups, ({ store, setup }) => [
      `what ${store} needs is there`,
      async () => {
        const missing = await setup.check();
        return missing.length > 0 ? [...missing, 'footbridge sync install makes it.'] : [];
      },
    ])),
    // Asked how far behind we are: to read would move its place.
    ...(await each(directory.feeds, ({ store, feed }) => [
      `${store} tells of its changes (${feed.name})`,
      async () => {
        const row = rows.find((one) => one.store === store && one.feed === feed.name);
        const { problem } = await feed.lag(row?.position ?? undefined);
        return problem === undefined ? [] : [problem];
      },
    ])),
  ];
}

async function each<One>(
  all: readonly One[],
  checkOf: (one: One) => readonly [what: string, look: Look],
): Promise<StartCheck[]> {
  const checks: StartCheck[] = [];
  for (const one of all) checks.push(await checked(...checkOf(one)));
  return checks;
}

type Look = () => Promise<readonly string[]>;

async function checked(what: string, look: Look): Promise<StartCheck> {
  try {
    return { what, problems: await look() };
  } catch (error) {
    if (!isFootbridgeError(error)) throw error;
    return { what, problems: [error.detail ? `${error.message} (${error.detail})` : error.message] };
  }
}

/** As a reading of everybody would ask it. */
async function askTarget({ targets }: Desk, target: string): Promise<readonly string[]> {
  const connection = connectionOf({ targets }, target);
  if (connection.users) await connection.users({ limit: 1 });
  else await connection.userByLogin('nobody@footbridge.invalid');
  return [];
}

/** What nobody has to mend, and everybody should know. */
export function startNotes(desk: Desk, pair: PairSettings): string[] {
  const { directory, targets } = desk;
  const { sweepMinutes, target } = pair;
  const every = sweepMinutes > 0 ? `every ${sweepMinutes} minutes` : 'only when somebody asks';
  const connection = targets.connection(target);
  const lists = connection?.users !== undefined;
  const changes = connection?.update !== undefined || connection?.updateMany !== undefined;
  return [
    `Both sides are read from end to end ${every}, beside what each tells by itself.`,
    ...(directory.feeds.length === 0
      ? [
          'No store tells of its changes (`changes`): only `POST /legacy/changes` and these readings find them.',
        ]
      : []),
    ...(lists ? [] : [`${target} does not list its users: what nobody tells of them is not found.`]),
    ...(changes
      ? []
      : [`Users of ${target} cannot be changed by us: what the legacy store has of them stays there.`]),
    ...(directory.entries
      ? []
      : [
          'The legacy store cannot be read from end to end (`queries.page`): `sync stop` could prove nothing.',
        ]),
    ...unwrittenFields({ directory, sync: syncOf(desk) }, pair).map(
      ({ store, fields }) =>
        `${store} cannot be told of ${fields.join(', ')} (\`apply\`): what the target has of them stays there.`,
    ),
  ];
}
