/**
 * Where our database keeps something about one person. Every room lists its own places (`traces.ts`), so that an export shows
 * all of them, an erasure forgets none, and a wipe of secrets can be proved by reading again.
 */
import type { Queryable } from './db.ts';
import type { Keyring } from './encryption.ts';
import type { Part } from './statement.ts';

export interface Trace {
  /** The table. */
  readonly place: string;
  /** What it has of a person, in words for them. */
  readonly holds: string;
  /** The condition of rows about them, in terms of `SUB`, `TARGETS`, `isTargetUser` and `MACS`. */
  readonly rows: string;
  /** Where their row is found by a MAC: its purpose and parts. */
  readonly macOf?: (sub: string) => readonly [purpose: string, ...parts: string[]];
  /** What an erasure does with the rows; absent: they go. */
  readonly erase?: Erase;
  /** Columns that nobody is shown: secrets, and what is made of them. */
  readonly hidden?: readonly string[];
  /** An object (SQL) that is shown with the row: what may be seen of a hidden column. */
  readonly shows?: string;
  /** What of it is a secret, or was made of one. */
  readonly secret?: SecretTrace;
}

interface Erase {
  /** Only rows for which this is true; the others go by themselves, as `until` says. */
  readonly where?: string;
  readonly until?: string;
  /** Its columns are written over, and the row stays. */
  readonly set?: string;
  /** Nothing is done; why. */
  readonly kept?: string;
}

interface SecretTrace {
  /** Which rows have one; absent: all. */
  readonly where?: string;
  /** How it is taken out of the row; absent: the row goes. */
  readonly set?: string;
  /** It belongs to no single target: it goes with the last. */
  readonly isOfAll?: true;
}

/** Somebody whose traces are looked for. */
export interface Traced {
  readonly sub: string;
  /** Who they are at targets, as far as we know. */
  readonly users: readonly { readonly target: string; readonly targetUserId: string }[];
  /** Of secrets: only those of these targets. */
  readonly targets?: readonly string[];
}

export interface TraceDeps {
  readonly db: Queryable;
  readonly keyring: Pick<Keyring, 'macs'>;
}

export interface Found {
  readonly place: string;
  readonly rows: number;
}

export const SUB = '(select sub from about)';
// The cast makes it an array, and not a subquery's rows.
const TARGETS = '(select targets from about)::text[]';
export const MACS = '(select macs from about)::bytea[]';
/** A row's user of a target is one of theirs. `column`: an expression that has the target's id of it. */
export const isTargetUser = (column: string, prefix = ''): string =>
  `(target, ${column}) in (select t, '${prefix}' || i from about, unnest(user_targets, user_ids) as u(t, i))`;
/** The subject is a text somewhere in this JSON. */
export const mentions = (column: string): string =>
  `jsonb_path_exists(${column}::jsonb, '$.** ? (@ == $s)', jsonb_build_object('s', ${SUB}))`;
/** This JSON without the subject. */
export const withoutMention = (column: string, type: 'json' | 'jsonb'): string =>
  `replace(${column}::text, to_json(${SUB})::text, '"erased"')::${type}`;
/** In place of a subject where a row has to stay for the count of it. */
export const NOBODY = `'erased:' || gen_random_uuid()`;

/** A part named `about`, which conditions read. */
function aboutPart({ keyring }: TraceDeps, person: Traced, traces: readonly Trace[]): Part {
  const { sub, users, targets = [] } = person;
  const macs = traces.flatMap(({ macOf }) => (macOf ? keyring.macs(...macOf(sub)) : []));
  return {
    name: 'about',
    text: `select $1::text as sub, $2::text[] as targets, $3::text[] as user_targets, $4::text[] as user_ids, $5::bytea[] as macs`,
    values: [sub, targets, users.map(({ target }) => target), users.map((user) => user.targetUserId), macs],
  };
}

/** Each place apart: whatever is large is read once, and no statement takes long. Places without a row are left out. */
export async function countTraces(
  deps: TraceDeps,
  traces: readonly Trace[],
  person: Traced,
): Promise<Found[]> {
  const found: Found[] = [];
  for (const trace of traces) {
    const text = `select count(*)::int as rows from ${trace.place} where ${trace.rows}`;
    const [row] = await deps.db.runParts<{ rows: number }>([aboutPart(deps, person, [trace])], text);
    if (row && row.rows > 0) found.push({ place: trace.place, rows: row.rows });
  }
  return found;
}

export type TraceRow = Readonly<Record<string, unknown>>;

/** The rows as they are, without what is hidden. */
export async function readTrace(
  deps: TraceDeps,
  trace: Trace,
  { limit, ...person }: Traced & { readonly limit: number },
): Promise<TraceRow[]> {
  const shows = trace.shows === undefined ? '' : ` || ${trace.shows}`;
  const text = `select (to_jsonb(r) - $1::text[])${shows} as row from ${trace.place} r where ${trace.rows} limit $2::int`;
  const shown: Part = { name: 'shown', text, values: [trace.hidden ?? [], limit] };
  const parts = [aboutPart(deps, person, [trace]), shown];
  return (await deps.db.runParts<{ row: TraceRow }>(parts, 'select row from shown')).map(({ row }) => row);
}

/** Doing it again finishes what was left. How many rows were taken or written over. */
export async function eraseTraces(
  deps: TraceDeps,
  traces: readonly Trace[],
  person: Traced,
): Promise<Found[]> {
  const erased: Found[] = [];
  for (const trace of traces) {
    const text = erasing(trace);
    if (!text) continue;
    const parts = [aboutPart(deps, person, [trace]), { name: 'erased', text, values: [] }];
    const [row] = await deps.db.runParts<{ rows: number }>(parts, 'select count(*)::int as rows from erased');
    if (row && row.rows > 0) erased.push({ place: trace.place, rows: row.rows });
  }
  return erased;
}

function erasing({ place, rows, erase = {} }: Trace): string | undefined {
  if (erase.kept !== undefined) return undefined;
  const where = `where (${rows})${erase.where === undefined ? '' : ` and (${erase.where})`} returning 1`;
  return erase.set === undefined
    ? `delete from ${place} ${where}`
    : `update ${place} set ${erase.set} ${where}`;
}

export interface SecretsOf extends Traced {
  readonly targets: readonly string[];
  /** What belongs to no single target goes as well. */
  readonly isLast: boolean;
}

/** One statement, by keys alone: it is asked about everybody. Every place is named, with 0 where nothing was. */
export const wipeTraces = (deps: TraceDeps, traces: readonly Trace[], person: SecretsOf): Promise<Found[]> =>
  atSecrets(deps, { traces, person }, (place, secret, where) =>
    secret.set === undefined
      ? `delete from ${place} where ${where} returning 1`
      : `update ${place} set ${secret.set} where ${where} returning 1`,
  );

/** What `wipeTraces` would take. */
export const countSecrets = (
  deps: TraceDeps,
  traces: readonly Trace[],
  person: SecretsOf,
): Promise<Found[]> =>
  atSecrets(deps, { traces, person }, (place, _secret, where) => `select 1 from ${place} where ${where}`);

function atSecrets(
  deps: TraceDeps,
  { traces, person }: { readonly traces: readonly Trace[]; readonly person: SecretsOf },
  act: (place: string, secret: SecretTrace, where: string) => string,
): Promise<Found[]> {
  const asked = traces.flatMap((trace) => {
    const { place, rows, secret } = trace;
    if (!secret || (secret.isOfAll && !person.isLast)) return [];
    const of = secret.isOfAll ? '' : `target = any(${TARGETS}) and `;
    const where = `${of}(${rows})${secret.where === undefined ? '' : ` and (${secret.where})`}`;
    return [{ trace, text: act(place, secret, where) }];
  });
  const about = aboutPart(
    deps,
    person,
    asked.map(({ trace }) => trace),
  );
  const parts = asked.map(({ text }, at) => ({ name: `secrets_${at}`, text, values: [] }));
  const counted = asked.map(
    ({ trace }, at) => `select '${trace.place}' as place, (select count(*)::int from secrets_${at}) as rows`,
  );
  return deps.db.runParts<Found>([about, ...parts], counted.join(' union all '));
}
