/** What would be sent of the first few people of a plan, exactly, without its secrets. Nobody is sent anything. */
import { isFootbridgeError } from '../../errors.ts';
import { passwordFor } from '../../migration/given-password.ts';
import { find } from '../../migration/ledger.ts';
import { targetUserFor, targetUserIdOf } from '../../migration/moving/target-user.ts';
import type { Queryable } from '../../store/db.ts';
import type { Keyring } from '../../store/encryption.ts';
import type { Preview, TargetConnection, TargetUser } from '../../targets/connection.ts';
import type { LegacyEntry } from '../../user.ts';
import { capturedFor } from './captured.ts';
import type { CountDeps } from './counting.ts';
import { MADE_WHEN_SENT } from './examining.ts';
import { masked, secretsOf } from './masking.ts';

export interface SampleDeps extends CountDeps {
  readonly db: Queryable;
  readonly keyring: Keyring;
  readonly connection: TargetConnection;
}

export interface Sample {
  readonly subs: readonly string[];
  /** As they would be sent; empty where this kind of target shows none. */
  readonly requests: readonly Preview[];
  /** The same people in our words, where no request can be shown. */
  readonly users: readonly object[];
  /** What else is to be known of it. */
  readonly notes: readonly string[];
}

export async function sampleOf(deps: SampleDeps, entries: readonly LegacyEntry[]): Promise<Sample> {
  const made = await Promise.all(entries.map((entry) => userFor(deps, entry)));
  const users = made.flatMap(({ user }) => user ?? []);
  const secrets = secretsOf(users);
  const { requests, note } = await requestsFor(deps.connection, users.map(sendable));
  const notes = [...made.flatMap(({ notes }) => notes), ...(note ? [note] : [])];
  return {
    subs: entries.map(({ user }) => user.sub),
    requests: masked(plainOf(requests), secrets),
    users: requests.length > 0 ? [] : masked(plainOf(users), secrets),
    notes: masked(notes, secrets),
  };
}

/** As JSON has it: bytes and absent members are not shown otherwise. */
const plainOf = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

async function userFor(
  { db, keyring, target, look, blocked }: SampleDeps,
  entry: LegacyEntry,
): Promise<{ readonly user?: TargetUser; readonly notes: readonly string[] }> {
  const owner = { target: target.name, sub: entry.user.sub };
  const captured = (await capturedFor({ db, keyring }, target.name, [entry])).get(owner.sub);
  const given = await passwordFor(look, target.accepts, { entry, captured, blocked });
  const removals = (await find(db, target.name, owner.sub))?.removals ?? 0;
  const targetUserId = targetUserIdOf(target.name, owner.sub, removals);
  const answer = targetUserFor({ entry, target, given, blocked, targetUserId });
  if (answer.kind === 'refused')
    return { notes: [`${owner.sub} is refused (${answer.code}): ${answer.sentence}`] };
  const lacking = answer.missing.map(({ what, code }) => `${what} (${code})`).join(', ');
  const isMadeLater = answer.user.password?.encoded === MADE_WHEN_SENT;
  const notes = [
    ...(lacking ? [`${owner.sub} goes without ${lacking}.`] : []),
    ...(isMadeLater
      ? [`The password of ${owner.sub} is hashed afresh when it is sent, and is not shown.`]
      : []),
  ];
  return { user: answer.user, notes };
}

/** A hash that is still to be made has no shape yet: the message shows none. */
function sendable(user: TargetUser): TargetUser {
  const { password, ...rest } = user;
  return password?.encoded === MADE_WHEN_SENT ? rest : user;
}

async function requestsFor(connection: TargetConnection, users: readonly TargetUser[]) {
  if (users.length === 0) return { requests: [] };
  if (!connection.preview)
    return {
      requests: [],
      note: 'This kind of target shows no request beforehand: these are the people as it will be given them.',
    };
  try {
    return { requests: await connection.preview(users) };
  } catch (error) {
    if (!isFootbridgeError(error)) throw error;
    return { requests: [], note: `No request can be shown (${error.code}): ${error.message}` };
  }
}
