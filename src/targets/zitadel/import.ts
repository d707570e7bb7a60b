/** Making users, one by one or many in one call; one outcome for each, whatever becomes of the others. */
import type { ImportOutcome, TargetUser } from '../connection.ts';
import type { ZitadelApi } from './api.ts';
import { CHUNK_USERS, hashKind, importChunk, isBulkable } from './bulk.ts';
import type { Fitted } from './creating.ts';
import { create } from './creating.ts';
import { fit } from './fitting.ts';
import { inParallel } from './in-parallel.ts';
import { myOrganization, send } from './messages.ts';
import { failed } from './outcomes.ts';
import type { Asking } from './users.ts';
import { ZitadelError } from './zitadel-error.ts';

/** Users under way at once; the pace of the calls bounds them further. */
const PARALLEL_USERS = 8;
const PARALLEL_CHUNKS = 2;

/** What the import of many remembers for as long as the connection is open. */
export interface Bulk {
  readonly timeoutMs: number;
  /** The organization of our token: where ZITADEL puts users that name none. */
  organization(): Promise<string | undefined>;
  /** Kinds of hash that ZITADEL has taken from one user alone. */
  readonly provedHashes: Set<string>;
}

export function bulkOf(api: ZitadelApi, timeoutMs: number): Bulk {
  let organization: string | undefined;
  return {
    timeoutMs,
    provedHashes: new Set(),
    async organization() {
      organization ??= (await send<{ org?: { id?: string } }>(api, myOrganization)).org?.id;
      return organization;
    },
  };
}

interface Row extends Fitted {
  readonly at: number;
}

/** In order. `bulk` where the interface for many is wanted. */
export async function importUsers(
  asking: Asking,
  users: readonly TargetUser[],
  bulk?: Bulk,
): Promise<readonly ImportOutcome[]> {
  const outcomes: ImportOutcome[] = new Array(users.length);
  const rows: Row[] = [];
  for (const [at, user] of users.entries()) {
    const fitting = fit(user, asking.ourIdp);
    if (fitting.kind === 'refused') outcomes[at] = fitting;
    else rows.push({ ...fitting, at });
  }
  const alone = async (some: readonly Row[]) => {
    await inParallel(some, PARALLEL_USERS, async (row) => {
      outcomes[row.at] = await create(asking, row);
    });
  };
  if (!bulk) await alone(rows);
  else await together(asking, rows, { bulk, alone, outcomes });
  return outcomes;
}

interface Together {
  readonly bulk: Bulk;
  readonly alone: (rows: readonly Row[]) => Promise<void>;
  readonly outcomes: ImportOutcome[];
}

/** Whoever is not taken together with others is asked for alone, which says why. */
async function together(
  asking: Asking,
  rows: readonly Row[],
  { bulk, alone, outcomes }: Together,
): Promise<void> {
  const organization = await bulk.organization().catch(onlyZitadelErrors);
  const first = firstOfEachHash(rows, bulk.provedHashes);
  const isAlone = (row: Row) =>
    first.has(row) || !isBulkable(row.user) || (row.user.organization ?? organization) === undefined;
  await alone(rows.filter(isAlone));
  for (const row of first) {
    const outcome = outcomes[row.at];
    if (outcome?.kind === 'created' && outcome.stored.includes('password')) {
      bulk.provedHashes.add(hashKind(row.user));
    }
  }
  const isProved = ({ user }: Row) => user.hash === undefined || bulk.provedHashes.has(hashKind(user));
  const rest = rows.filter((row) => !isAlone(row));
  await alone(rest.filter((row) => !isProved(row)));
  const chunks = chunksOf(rest.filter(isProved), ({ user }) => user.organization ?? organization!);
  await inParallel(chunks, PARALLEL_CHUNKS, async ([at, chunk]) => {
    const taken = await importChunk(asking, chunk, { organization: at, timeoutMs: bulk.timeoutMs }).catch(
      (error) => outcomesOfFailure(error, chunk),
    );
    for (const [index, row] of chunk.entries()) {
      const outcome = taken[index];
      if (outcome) outcomes[row.at] = outcome;
    }
    await alone(chunk.filter((_row, index) => taken[index] === undefined));
  });
}

/** Nobody knows who of them is there now: the next try finds out. Otherwise the import is not for us. */
function outcomesOfFailure(error: unknown, chunk: readonly Row[]): readonly (ImportOutcome | undefined)[] {
  if (!(error instanceof ZitadelError)) throw error;
  return chunk.map(() => (error.isTemporary ? failed(error) : undefined));
}

function onlyZitadelErrors(error: unknown): undefined {
  if (!(error instanceof ZitadelError)) throw error;
}

function firstOfEachHash(rows: readonly Row[], proved: ReadonlySet<string>): ReadonlySet<Row> {
  const first = new Map<string, Row>();
  for (const row of rows) {
    const kind = hashKind(row.user);
    if (row.user.hash !== undefined && !proved.has(kind) && !first.has(kind)) first.set(kind, row);
  }
  return new Set(first.values());
}

function chunksOf(
  rows: readonly Row[],
  organizationOf: (row: Row) => string,
): readonly (readonly [organization: string, readonly Row[]])[] {
  const byOrganization = new Map<string, Row[]>();
  for (const row of rows) {
    const organization = organizationOf(row);
    const some = byOrganization.get(organization) ?? [];
    some.push(row);
    byOrganization.set(organization, some);
  }
  return [...byOrganization].flatMap(([organization, some]) =>
    Array.from(
      { length: Math.ceil(some.length / CHUNK_USERS) },
      (_none, index) => [organization, some.slice(index * CHUNK_USERS, (index + 1) * CHUNK_USERS)] as const,
    ),
  );
}
