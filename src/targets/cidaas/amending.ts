/** Changing users who are there: what they lack, their profile, their password, whether they may log in. */
import type { FoundUser, NotStored, ProfileField, Stored, TargetUser } from '../connection.ts';
import type { Account } from './account.ts';
import { hasPassword, linksIn, passwordNote } from './account.ts';
import { problemOfPassword } from './checking.ts';
import { CidaasError } from './cidaas-error.ts';
import type { Additions, PasswordHashInfo, WrittenPassword } from './entity.ts';
import { amendedEntity, compare, fieldsOf, isThere, linksOf, passwordOf } from './entity.ts';
import { grantGroups, lacking } from './groups.ts';
import type { Importing } from './import.ts';
import { processStates } from './process-states.ts';
import { changesOf, putProfile } from './profile.ts';

interface Completed {
  readonly stored: readonly Stored[];
  readonly missing: readonly NotStored[];
}

/** Throws CidaasError. */
export async function complete(
  work: Importing,
  { targetUserId }: FoundUser,
  user: TargetUser,
): Promise<Completed> {
  const account = await present(work, targetUserId);
  const before = compare(work, user, account);
  const { additions, missing } = additionsFor(work, account, user);
  const refusal = additions && (await amend(work, account, additions));
  const after = additions ? await present(work, targetUserId) : account;
  const now = compare(work, user, after);
  const wanted = lacking(after.groups, user.grants);
  const ungranted = await grantGroups(work, { sub: account.sub, has: after.groups }, user.grants);
  const granted: readonly Stored[] = wanted.length > 0 && ungranted.length === 0 ? ['grants'] : [];
  const others = now.missing.filter(({ what }) => !missing.some((known) => known.what === what));
  return {
    stored: [...now.stored.filter((what) => !before.stored.includes(what)), ...granted],
    missing: [
      ...others.map((lack) => (refusal === undefined ? lack : { ...lack, code: refusal })),
      ...missing,
      ...ungranted,
    ],
  };
}

export async function present(
  { users, signal }: Pick<Importing, 'users' | 'signal'>,
  id: string,
): Promise<Account> {
  const account = await users.byId(id, signal);
  if (account) return account;
  throw new CidaasError({ status: 404, message: 'the user is not there any more' });
}

/** What the account lacks, undefined where it lacks nothing; and what it cannot be given. */
function additionsFor(work: Importing, account: Account, user: TargetUser) {
  const { settings, provider } = work;
  const wanted = Object.entries(fieldsOf(user, settings));
  const fields = Object.fromEntries(wanted.filter(([name]) => isLacking(account, name)));
  const there = linksIn(account);
  const links = linksOf(user, provider).filter((link) => !isThere(link, there));
  const metadata = Object.fromEntries(
    Object.entries(user.metadata).filter(([key, value]) => account.customFields[key] !== value),
  );
  const password = passwordFor(work, account, user);
  const isNothing =
    !password.info && [fields, links, metadata].every((some) => Object.keys(some).length === 0);
  const additions: Additions | undefined = isNothing ? undefined : { fields, links, metadata, password };
  return { additions, missing: password.missing };
}

/** What says whether something is verified belongs to what it is said of. */
function isLacking({ fields }: Account, name: string): boolean {
  const of = name.replace(/_verified$/, '');
  return fields[of] === undefined || fields[of] === null || fields[of] === '';
}

/** A password is never replaced. What asks us stands in a password's place, so that cidaas counts it as one. */
function passwordFor(work: Importing, account: Account, user: TargetUser): WrittenPassword {
  const { settings } = work;
  if (hasPassword(account, settings)) return { missing: [] };
  const written = passwordOf(work, user);
  const note = passwordNote(account, settings);
  if (note === undefined || written.note === undefined) return written;
  if (written.note === note) return { missing: [] };
  if (!settings.migrationMode) return { missing: [{ what: 'password', code: 'migration_mode_off' }] };
  return written;
}

/**
 * Through the bulk import, which alone takes links and hashes, with everything that is shown of the account. Why cidaas
 * refuses it; undefined where it was done. Throws CidaasError, also where it says that it was done to another user.
 */
async function amend(work: Importing, account: Account, additions: Additions): Promise<string | undefined> {
  const { settings } = work;
  const { email } = account.fields;
  // By what else would it know whom we mean?
  if (typeof email !== 'string' || email === '') return 'no-address';
  const answer = await sent(work, amendedEntity({ settings }, account, additions));
  if ('refusal' in answer) return answer.refusal;
  const [state] = processStates(answer.document, [{ email, values: [email] }]);
  if (state?.kind === 'failed') return state.outcome.code;
  if (state?.kind === 'updated' && state.sub === account.sub) return undefined;
  throw new CidaasError({
    // Where it does not say, nobody knows whether it was done.
    status: state ? 400 : 0,
    reason: state ? 'another-user-updated' : 'not-in-answer',
    message: 'the update is not said to be of this user',
  });
}

async function sent({ api, settings, signal }: Importing, entity: object) {
  try {
    return await api.call('POST', settings.paths.bulk, { body: [entity], signal });
  } catch (error) {
    if (!(error instanceof CidaasError) || error.isNobodysFault || error.status === 404) throw error;
    return { refusal: error.reason };
  }
}

/** Throws CidaasError with the code `migration_mode_off`. */
export async function setPassword(
  work: Importing,
  targetUserId: string,
  password: NonNullable<TargetUser['password']>,
): Promise<void> {
  const { settings, accepts } = work;
  const problem = problemOfPassword({ password }, accepts);
  if (problem) throw new CidaasError({ status: 400, reason: problem.code, message: problem.sentence });
  const account = await present(work, targetUserId);
  const isFirst = !hasPassword(account, settings) && passwordNote(account, settings) === undefined;
  if (!isFirst && !settings.migrationMode) {
    throw new CidaasError({
      status: 400,
      reason: 'migration_mode_off',
      message: 'migration_mode_off: cidaas lets nobody replace a password by a hash without migrationMode',
    });
  }
  const info = password.encoded as PasswordHashInfo;
  const only = { fields: {}, links: [], metadata: {}, password: { info, note: 'hash' as const } };
  const refusal = await amend(work, account, only);
  if (refusal === undefined) return;
  throw new CidaasError({ status: 400, reason: refusal, message: `the password is not taken: ${refusal}` });
}

/** Sends nothing where nothing differs. */
export async function update(
  work: Pick<Importing, 'api' | 'settings' | 'users' | 'signal'>,
  { targetUserId }: FoundUser,
  changed: { readonly user: TargetUser; readonly fields: readonly ProfileField[] },
): Promise<void> {
  const account = await present(work, targetUserId);
  const changes = changesOf(account, changed, work.settings);
  if (Object.keys(changes).length > 0) await putProfile(work, account, changes);
}
