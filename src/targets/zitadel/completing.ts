/** What a user at ZITADEL lacks, one call for each thing. Saying it again changes nothing. */
import type { FoundUser, NotStored, Stored, TargetGrant, TargetUser } from '../connection.ts';
import type { FittingUser } from './fitting.ts';
import { fit } from './fitting.ts';
import { addGrant, findGrants, setRoles } from './grant-messages.ts';
import type { StoredGrant } from './grants.ts';
import { perProject } from './grants.ts';
import { addLink, send, setHash, setMetadata } from './messages.ts';
import { isNobodysFault } from './outcomes.ts';
import type { Asking } from './users.ts';
import { linksOf, userById } from './users.ts';
import { ZitadelError } from './zitadel-error.ts';

/** A list of what was stored and what was not, while it grows. */
export class Account {
  readonly stored = new Set<Stored>();
  readonly missing: NotStored[];
  readonly #throwsTemporary: boolean;

  constructor(missing: readonly NotStored[], { throwsTemporary }: { throwsTemporary: boolean }) {
    this.missing = [...missing];
    this.#throwsTemporary = throwsTemporary;
  }

  /** Notes what ZITADEL refuses. Throws ZitadelError for what another try may do, if that is wanted. */
  async note(what: Stored, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
      this.stored.add(what);
    } catch (error) {
      if (!(error instanceof ZitadelError) || (this.#throwsTemporary && isNobodysFault(error))) throw error;
      this.missing.push({ what, code: error.reason });
    }
  }

  get result() {
    return { stored: [...this.stored], missing: this.missing };
  }
}

/** Throws ZitadelError. */
export async function complete(
  asking: Asking,
  found: FoundUser,
  given: TargetUser,
): Promise<Account['result']> {
  const fitting = fit(given, asking.ourIdp);
  if (fitting.kind === 'refused') {
    throw new ZitadelError({ status: 400, id: fitting.code, message: fitting.sentence });
  }
  const { user, leftOut } = fitting;
  // The profile is the target's own by now.
  const missing = leftOut.filter(({ what }) => what !== 'profile');
  const account = new Account(missing, { throwsTemporary: true });
  await addMissingLinks(asking, account, { found, user });
  const lacking = user.metadata.filter(([key, value]) => found.metadata[key] !== value);
  if (lacking.length > 0) {
    const message = setMetadata(found.targetUserId, lacking, found.organization);
    await account.note('metadata', () => send(asking.api, message, asking.signal));
  }
  await addGrants(asking, account, { ...found, grants: user.grants });
  await addPassword(asking, account, { found, user });
  if (user.totpSecret !== undefined && !found.hasTotp)
    account.missing.push({ what: 'totp', code: 'cannot_be_imported_later' });
  return account.result;
}

interface Both {
  readonly found: FoundUser;
  readonly user: FittingUser;
}

async function addMissingLinks(asking: Asking, account: Account, { found, user }: Both): Promise<void> {
  const { targetUserId, organization } = found;
  for (const link of user.links) {
    const isSame = (other: typeof link) => other.idpId === link.idpId && other.userId === link.userId;
    if (found.links.some(isSame)) continue;
    await account.note('links', () =>
      send(asking.api, addLink(targetUserId, link, organization), asking.signal).catch(async (error) => {
        // It may be this user's own: what was read before is behind what was written.
        const isThere = error?.status === 409 && (await linksOf(asking, targetUserId)).some(isSame);
        if (!isThere) throw error;
      }),
    );
  }
}

/** A password that is there is never replaced: whether it is, is asked once more before. */
async function addPassword(asking: Asking, account: Account, { found, user }: Both): Promise<void> {
  const { targetUserId, organization } = found;
  const { hash } = user;
  if (hash === undefined || found.hasPassword) return;
  // It cannot be given the second factor any more, and the password alone would open the door.
  if (user.totpSecret !== undefined && !found.hasTotp)
    return void account.missing.push({ what: 'password', code: 'second_factor_missing' });
  const now = await userById(asking, targetUserId);
  if (now?.hasPassword) return;
  await account.note('password', () =>
    send(asking.api, setHash(targetUserId, hash, organization), asking.signal),
  );
}

interface Granted {
  readonly targetUserId: string;
  readonly organization?: string;
  readonly grants: readonly TargetGrant[];
}

/** ZITADEL keeps one grant per user and project; roles that are there stay. */
export async function addGrants(asking: Asking, account: Account, granted: Granted): Promise<void> {
  const { targetUserId, organization } = granted;
  for (const grant of perProject(granted.grants)) {
    await account.note('grants', () =>
      send(asking.api, addGrant(targetUserId, grant, organization), asking.signal).catch((error) => {
        if (error?.status !== 409) throw error;
        return addRoles(asking, grant, granted);
      }),
    );
  }
}

async function addRoles({ api, signal }: Asking, grant: TargetGrant, granted: Granted): Promise<void> {
  const { targetUserId, organization } = granted;
  const { result = [] } = await send<{ result?: StoredGrant[] }>(
    api,
    findGrants(targetUserId, grant, organization),
    signal,
  );
  const there = result.find(({ projectGrantId }) => (projectGrantId || undefined) === grant.projectGrant);
  const roles = [...new Set([...(there?.roleKeys ?? []), ...grant.roles])];
  if (!there || roles.length === there.roleKeys?.length) return;
  await send(api, setRoles(targetUserId, { id: there.id, roles }, organization), signal);
}
