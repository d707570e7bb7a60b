/** Making people at Kratos, one by one or many in a call, and what its answers mean for each. */
import type { AcceptedFormat } from '../../credentials/accepted-format.ts';
import { FootbridgeError } from '../../errors.ts';
import type { ImportOutcome, Preview, ProfileField, TargetUser } from '../connection.ts';
import { inParallel } from '../in-parallel.ts';
import type { KratosApi } from './api.ts';
import { batchBody, MAX_BATCH, sendBatches } from './batch-call.ts';
import type { Fitted, FittingOptions } from './fitting.ts';
import { fit } from './fitting.ts';
import type { Identity } from './identity.ts';
import { foundUserOf } from './identity.ts';
import { KratosError } from './kratos-error.ts';
import type { KratosSettings } from './kratos-settings.ts';
import { fieldAt, OPTIONAL_FIELDS } from './traits.ts';
import type { Users } from './users.ts';

export interface Importing extends FittingOptions {
  readonly api: KratosApi;
  readonly users: Users;
  readonly settings: KratosSettings;
  readonly provider: string;
  readonly accepts: readonly AcceptedFormat[];
  /** Grows when Kratos says that it does not know one. */
  readonly unknownFields: Set<string>;
  readonly signal?: AbortSignal | undefined;
}

export interface Row {
  /** Where in the list that was given. */
  readonly at: number;
  readonly user: TargetUser;
  readonly without: ReadonlySet<ProfileField>;
  readonly fitted: Fitted;
}

/** The id of whom Kratos has made; `again`: nothing was done, and without what it does not know it may be. */
export type Result = { readonly id: string } | KratosError | 'again';

/** Calls at the same time. */
const AT_ONCE = 8;
/** What a Kratos may be too old for, and a person can be made without. */
const DISPENSABLE = ['totp', 'webauthn', 'passkey', 'lookup_secret', 'region'];

export const importEach = (work: Importing, users: readonly TargetUser[]) =>
  importWith(work, users, (rows) => inParallel(rows, AT_ONCE, (row) => sendOne(work, row)));

export const importBulk = (work: Importing, users: readonly TargetUser[]) =>
  importWith(work, users, (rows) => sendBatches(work, rows));

/** What `importBulk` sends first. */
export function preview(options: FittingOptions, users: readonly TargetUser[]): Preview[] {
  const bodies = users.flatMap((user) => {
    const fitting = fit(user, options);
    return fitting.kind === 'fits' ? [fitting.body] : [];
  });
  const parts = Array.from({ length: Math.ceil(bodies.length / MAX_BATCH) }, (_none, part) =>
    bodies.slice(part * MAX_BATCH, (part + 1) * MAX_BATCH),
  );
  return parts.map((part) => ({ method: 'PATCH', path: '/admin/identities', body: batchBody(part) }));
}

/** Ends: whoever is sent again is sent with less. */
async function importWith(
  work: Importing,
  users: readonly TargetUser[],
  send: (rows: readonly Row[]) => Promise<readonly Result[]>,
): Promise<ImportOutcome[]> {
  const outcomes: ImportOutcome[] = new Array(users.length);
  const rowOf = (row: Omit<Row, 'fitted'>): Row[] => {
    const fitted = fit(row.user, work, row.without);
    if (fitted.kind === 'fits') return [{ ...row, fitted }];
    outcomes[row.at] = fitted;
    return [];
  };
  let rows = users.flatMap((user, at) => rowOf({ at, user, without: new Set() }));
  while (rows.length > 0) {
    const sent = rows;
    const results = await send(sent);
    const answered = sent.map((row, at) => ({ row, result: results[at]! }));
    const settled = await inParallel(answered, AT_ONCE, ({ row, result }) => settle(work, row, result));
    rows = sent.flatMap((row, at) => {
      const outcome = settled[at]!;
      if ('without' in outcome) return rowOf({ ...row, without: outcome.without });
      outcomes[row.at] = outcome;
      return [];
    });
  }
  return outcomes;
}

async function sendOne(work: Importing, row: Row): Promise<Result> {
  const { api, signal } = work;
  try {
    const { id } = await api.call<Identity>('POST', '/identities', { body: row.fitted.body, signal });
    return { id };
  } catch (error) {
    if (!(error instanceof KratosError)) throw error;
    return isWithout(work, [row], error) ? 'again' : error;
  }
}

/** Whether these rows are to be sent again, without what this Kratos has just said it does not know. */
export function isWithout(
  { unknownFields }: Importing,
  rows: readonly Row[],
  { unknownField = '' }: KratosError,
): boolean {
  if (!DISPENSABLE.includes(unknownField)) return false;
  if (!rows.some(({ fitted: { body } }) => unknownField in body || unknownField in body.credentials))
    return false;
  unknownFields.add(unknownField);
  return true;
}

async function settle(
  work: Importing,
  row: Row,
  result: Result,
): Promise<ImportOutcome | Pick<Row, 'without'>> {
  if (result === 'again') return row;
  const { stored, missing } = row.fitted;
  if ('id' in result) return { kind: 'created', targetUserId: result.id, stored, missing };
  if (result.status === 409) return taken(work, row.user, result).catch(failed);
  const field = fieldAt(work.settings.traits, result.pointer);
  const isLeftOut = field !== undefined && OPTIONAL_FIELDS.includes(field) && !row.without.has(field);
  return isLeftOut ? { without: new Set([...row.without, field]) } : failed(result);
}

/** Somebody has the id, the link or the name: this person, whom another try has made, or somebody else. */
async function taken(
  work: Importing,
  user: TargetUser,
  { reason: code }: KratosError,
): Promise<ImportOutcome> {
  const { users, provider, settings, signal } = work;
  const same =
    (await users.byId(user.targetUserId, signal)) ?? (await users.byLink(provider, user.sub, signal));
  if (same) return { kind: 'exists', found: foundUserOf(same, settings) };
  const { email, username } = user;
  const byEmail = email && settings.traits.email !== null && (await users.byLogin(email.address, signal));
  const other = byEmail || (settings.traits.username !== null && (await users.byLogin(username, signal)));
  return { kind: 'conflict', code, ...(other && { found: foundUserOf(other, settings) }) };
}

function failed(error: unknown): ImportOutcome {
  // Two people with the same link.
  if (error instanceof FootbridgeError) return { kind: 'conflict', code: 'linked-twice' };
  if (!(error instanceof KratosError)) throw error;
  const { reason: code, retryAfterSeconds, message: sentence, status } = error;
  if (!error.isNobodysFault) return { kind: 'refused', code, sentence };
  return {
    kind: 'unavailable',
    code,
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    ...(status === 429 && { isThrottled: true }),
  };
}
