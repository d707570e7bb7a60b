/** Making many users with as few calls as ZITADEL allows, and what those calls would be. */
import type { ImportOutcome, Preview, TargetUser } from '../connection.ts';
import { inParallel } from '../in-parallel.ts';
import type { ZitadelApi } from './api.ts';
import { CHUNK_USERS, hashKind, importChunk, importData, isBulkable } from './bulk.ts';
import type { Fitted } from './creating.ts';
import { fit } from './fitting.ts';
import { addGrant } from './grant-messages.ts';
import { perProject } from './grants.ts';
import type { Message } from './messages.ts';
import { addHumanUser, myOrganization, send } from './messages.ts';
import { failed } from './outcomes.ts';
import type { Asking } from './users.ts';
import { ZitadelError } from './zitadel-error.ts';

/** Users under way at once; the pace of the calls bounds them further. */
export const PARALLEL_USERS = 8;
const PARALLEL_CHUNKS = 2;

/** What the import of many remembers for as long as the connection is open. */
export interface Bulk {
  readonly timeoutMs: number;
  /** The organization of our token: where ZITADEL puts users that name none. */
  organization(): Promise<string | undefined>;
  /** The same, if it was asked for already. */
  knownOrganization(): string | undefined;
  /** Kinds of hash that ZITADEL has taken from one user alone. */
  readonly provedHashes: Set<string>;
}

export function bulkOf(api: ZitadelApi, timeoutMs: number): Bulk {
  let organization: string | undefined;
  return {
    timeoutMs,
    provedHashes: new Set(),
    knownOrganization: () => organization,
    async organization() {
      organization ??= (await send<{ org?: { id?: string } }>(api, myOrganization)).org?.id;
      return organization;
    },
  };
}

export interface Row extends Fitted {
  /** Its place among all that were asked for. */
  readonly at: number;
}

interface Together {
  readonly bulk: Bulk;
  readonly alone: (rows: readonly Row[]) => Promise<void>;
  readonly outcomes: ImportOutcome[];
}

/** Whoever is not taken together with others is asked for alone, which says why. */
export async function importMany(
  asking: Asking,
  rows: readonly Row[],
  { bulk, alone, outcomes }: Together,
): Promise<void> {
  const isAskedFor = rows.some(({ user }) => user.organization === undefined);
  const organization = isAskedFor ? await bulk.organization().catch(onlyZitadelErrors) : undefined;
  const { first, apart, rest } = sorted(rows, { proved: bulk.provedHashes, organization });
  await alone([...first, ...apart]);
  const unanswered = proveHashes(first, { bulk, outcomes });
  const isProved = ({ user }: Row) => user.hash === undefined || bulk.provedHashes.has(hashKind(user));
  const [unproved, proved] = [rest.filter((row) => !isProved(row)), rest.filter(isProved)];
  // Where the first got no answer, the others are not even sent.
  const held = unproved.filter(({ user }) => unanswered.has(hashKind(user)));
  for (const { user, at } of held) outcomes[at] = unanswered.get(hashKind(user))!;
  await alone(unproved.filter((row) => !held.includes(row)));
  await inParallel(chunksOf(proved), PARALLEL_CHUNKS, async (chunk) => {
    // All of them name one where ours is not known.
    const at = { organization: organization ?? '', timeoutMs: bulk.timeoutMs };
    const left = await takeChunk(asking, chunk, { at, outcomes });
    await alone(left);
  });
}

/** Remembers the kinds of hash that were taken, and says of which kinds nobody knows. */
function proveHashes(
  first: readonly Row[],
  { bulk, outcomes }: Pick<Together, 'bulk' | 'outcomes'>,
): ReadonlyMap<string, ImportOutcome> {
  const unanswered = new Map<string, ImportOutcome>();
  for (const { at, user } of first) {
    const outcome = outcomes[at];
    if (outcome?.kind === 'unavailable') unanswered.set(hashKind(user), outcome);
    if (outcome?.kind === 'created' && outcome.stored.includes('password')) {
      bulk.provedHashes.add(hashKind(user));
    }
  }
  return unanswered;
}

interface Taking {
  readonly at: Parameters<typeof importData>[1];
  readonly outcomes: ImportOutcome[];
}

/**
 * Those who were not taken. A call that ZITADEL refuses as a whole is sent in halves, down to so few as are made at once
 * alone: there is somebody in it whom it cannot even read.
 */
async function takeChunk(asking: Asking, chunk: readonly Row[], taking: Taking): Promise<readonly Row[]> {
  const { at, outcomes } = taking;
  try {
    const taken = await importChunk(asking, chunk, at);
    for (const [index, { at: place }] of chunk.entries()) {
      const outcome = taken[index];
      if (outcome) outcomes[place] = outcome;
    }
    return chunk.filter((_row, index) => taken[index] === undefined);
  } catch (error) {
    if (!(error instanceof ZitadelError)) throw error;
    // Nobody knows who of them is there now: the next try finds out.
    if (error.isTemporary) for (const { at: place } of chunk) outcomes[place] = failed(error);
    if (error.isTemporary) return [];
    // Another status says that the import is not for us.
    if (error.status !== 400 || chunk.length <= PARALLEL_USERS) return chunk;
    const half = Math.ceil(chunk.length / 2);
    const left = await takeChunk(asking, chunk.slice(0, half), taking);
    return [...left, ...(await takeChunk(asking, chunk.slice(half), taking))];
  }
}

function onlyZitadelErrors(error: unknown): undefined {
  if (!(error instanceof ZitadelError)) throw error;
}

interface Sorted {
  /** The first of each kind of hash that is not proved yet: they go alone, and before the others. */
  readonly first: readonly Row[];
  /** For whom the import of many is not good enough, of whom nobody knows where they go, and who come twice. */
  readonly apart: readonly Row[];
  readonly rest: readonly Row[];
}

function sorted(
  rows: readonly Row[],
  { proved, organization }: { proved: ReadonlySet<string>; organization: string | undefined },
): Sorted {
  const [kinds, ids] = [new Set(proved), new Set<string>()];
  const [first, apart, rest]: [Row[], Row[], Row[]] = [[], [], []];
  for (const row of rows) {
    const { user } = row;
    const kind = hashKind(user);
    if (user.hash !== undefined && !kinds.has(kind)) {
      kinds.add(kind);
      first.push(row);
    } else if (
      ids.has(user.targetUserId) ||
      !isBulkable(user) ||
      (user.organization ?? organization) === undefined
    ) {
      apart.push(row);
    } else rest.push(row);
    ids.add(user.targetUserId);
  }
  return { first, apart, rest };
}

const chunksOf = (rows: readonly Row[]): readonly (readonly Row[])[] =>
  Array.from({ length: Math.ceil(rows.length / CHUNK_USERS) }, (_none, index) =>
    rows.slice(index * CHUNK_USERS, (index + 1) * CHUNK_USERS),
  );

/** Stands for the organization of our token, as long as nobody has asked. */
const UNASKED = '(the organization of the token)';

/** What would be sent of those who fit, if ZITADEL takes each kind of hash; nothing is asked. */
export function previewUsers(
  { ourIdp }: Pick<Asking, 'ourIdp'>,
  users: readonly TargetUser[],
  bulk: Bulk,
): readonly Preview[] {
  const rows = users.flatMap((user, at): Row[] => {
    const fitting = fit(user, ourIdp);
    return fitting.kind === 'fits' ? [{ ...fitting, at }] : [];
  });
  const organization = bulk.knownOrganization() ?? UNASKED;
  const { first, apart, rest } = sorted(rows, { proved: bulk.provedHashes, organization });
  const alone = [...first, ...apart].flatMap(({ user }) => [
    addHumanUser(user),
    ...perProject(user.grants).map((grant) => addGrant(user.targetUserId, grant)),
  ]);
  const chunks = chunksOf(rest).map((chunk) =>
    importData(
      chunk.map(({ user }) => user),
      { organization, timeoutMs: bulk.timeoutMs },
    ),
  );
  return [...alone, ...chunks].map(({ method, path, body }: Message) => ({ method, path, body }));
}
