/** An operator's desk over two sides that are kept equal: a legacy store in SQLite with its outbox, our PostgreSQL, a target in memory. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { stripVTControlCharacters } from 'node:util';
import type { Desk, Operation, SyncDesk } from '../../../src/admin/operation.ts';
import { legacyStores } from '../../../src/legacy/legacy-settings.ts';
import { openStores } from '../../../src/legacy/stores.ts';
import { ensureKeys, signWithProvider } from '../../../src/provider/keys.ts';
import { openFeeds } from '../../../src/sync/intake/feeds.ts';
import { allPairs, HEARS } from '../../../src/sync/pairs.ts';
import type { TurnsDeps } from '../../../src/sync/people/turns.ts';
import { openPostgresQueue } from '../../../src/sync/queue/postgres-queue.ts';
import { sweepRound } from '../../../src/sync/sweeping.ts';
import { syncSettings } from '../../../src/sync/sync-settings.ts';
import { openSyncing } from '../../../src/sync/syncing.ts';
import { openWorld, personOf, userOf } from '../../migration/reconcile/world.ts';

/** The target in memory has no full names. */
const RULES = { nickname: 'ask', givenName: 'last-writer', displayName: 'never' };

export interface Ran {
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into any answer
  readonly output: any;
  readonly text: string;
  readonly wrong: boolean;
  readonly page: string | undefined;
}

export type SyncStage = Awaited<ReturnType<typeof openSyncStage>>;

/** `pairs` besides that of `main`. */
export async function openSyncStage({ pairs = [] }: { readonly pairs?: readonly object[] } = {}) {
  const world = await openWorld();
  const { db, keyring, audit, passwords, targets, mover, memory, target, deps: known, place } = world;
  await ensureKeys(db, keyring);
  const folder = mkdtempSync(join(tmpdir(), 'footbridge-sync-'));
  const directory = openStores(legacyStores.parse(legacyOf(place.legacyFile)));
  const settings = syncSettings.parse({
    pairs: [{ target: 'main', fields: RULES, attempts: 2 }, ...pairs],
  });
  const pair = settings.pairs[0]!;
  const queue = openPostgresQueue(db);
  const sync: SyncDesk = { settings, queue, stores: [{ name: 'shop', prefix: 'shop:' }] };
  const desk = {
    ...{ db, keyring, audit, directory, passwords, targets, mover, sync },
    claimTokens: [],
    lifetimes: { sessionIdleSeconds: 3_600, sessionSeconds: 86_400, rememberedSeconds: 0 },
    actor: 'operator:test',
    files: true,
    reconcile: {
      ledger: known.ledger,
      members: known.members,
      targetOf: async () => 'main',
      signReport: (payload: object) => signWithProvider(db, keyring, payload),
      softwareVersion: '1.2.3',
    },
  } as unknown as Desk;
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  const turns: TurnsDeps = {
    ...{ db, keyring, directory, target, pair, targets },
    connection: memory.connection,
    nowMs: () => Date.now(),
    pseudonym: audit.pseudonym,
    password: async () => ({ kind: 'equal' }),
  };
  const feeds = openFeeds({
    ...{ db, queue, onError },
    feeds: directory.feeds,
    targets: async () =>
      (await allPairs(db)).filter(({ state }) => HEARS.has(state)).map((one) => one.target),
    isFull: async () => false,
    onLost: async () => undefined,
  });
  const syncing = openSyncing({
    ...{ db, queue, onError },
    pairs: new Map([['main', turns]]),
    onStranger: async (turn) => ({ turn, result: 'done' }),
  });
  const file = (name: string) => join(folder, name);
  return {
    ...{ world, db, audit, keyring, desk, queue, errors, directory, memory, settings, file },
    sql: world.sql,
    /** As a server would, until there is nothing left to do. */
    async serve(): Promise<void> {
      while (await feeds.round());
      while (await sweepRound({ ...turns, queue, hasBegun: feeds.hasBegun, onError }));
      await syncing.round();
    },
    /** Without anybody who writes; only feeds and turns that nobody has asked for. */
    syncing,
    /** Its input as the command line gives it. */
    async run(operation: Operation, input: object = {}, { execute = false, at = desk } = {}): Promise<Ran> {
      const output = await operation.run(at, operation.input.parse(input) as never, { execute });
      return {
        output,
        text: stripVTControlCharacters(operation.print(output)),
        wrong: operation.foundWrong?.(output) ?? false,
        page: operation.page?.(output),
      };
    },
    /** So many people who are the same at both sides, by the ledger there. */
    async people(count: number): Promise<void> {
      const people = Array.from({ length: count }, (_, index) => personOf(index + 1));
      world.writeLegacy(people);
      world.writeTarget(people.map((person) => userOf(person)));
      await world.writeLedger(people.map(({ id }) => ({ id, state: 'migrated' })));
    },
    /** Somebody edits in the legacy store. */
    edit(id: number, column: 'nick' | 'given', value: string): void {
      const store = new DatabaseSync(place.legacyFile);
      store.prepare(`update people set ${column} = ? where id = ?`).run(value, id);
      store.close();
    },
    /** As nothing had ever been kept equal. */
    async begin(): Promise<void> {
      await world.forget();
      await world.sql(
        `truncate sync_pairs, sync_changes, sync_turns, sync_people, sync_passwords, sync_conflicts, sync_feeds, sync_reports`,
      );
      errors.length = 0;
    },
    async close(): Promise<void> {
      await feeds.close();
      await directory.close();
      await world.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const legacyOf = (file: string) => ({
  store: 'shop',
  sql: {
    engine: 'sqlite',
    ...{ file, table: 'people', id: 'id', login: ['login'] },
    changes: { by: 'outbox' },
    apply: { givenName: 'given', familyName: 'family', nickname: 'nick' },
  },
  mapping: {
    username: 'login',
    email: 'email',
    emailVerified: true,
    givenName: 'given',
    familyName: 'family',
    nickname: 'nick',
    phoneNumber: 'phone',
    disabled: { column: 'disabled', truthy: true },
    password: [{ format: 'auto', columns: { hash: 'hash' } }],
    totp: { secret: 'totp' },
  },
});
