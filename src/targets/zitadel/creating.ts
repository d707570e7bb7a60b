/** Making one user: all of them in one call and one commit, except for grants. */
import type { ImportOutcome, NotStored, TargetLink } from '../connection.ts';
import { Account, addGrants } from './completing.ts';
import type { FittingUser } from './fitting.ts';
import { inTheWay } from './in-the-way.ts';
import { addHumanUser, addLink, send } from './messages.ts';
import { failed, isAmbiguous, isBadPhone, isTaken, isTakenId, isUnknownIdp, unknown } from './outcomes.ts';
import type { Asking } from './users.ts';
import { userById } from './users.ts';
import { ZitadelError } from './zitadel-error.ts';

/** Where the id is taken and nobody is found under it yet. */
const LAG_SECONDS = 1;

export interface Fitted {
  readonly user: FittingUser;
  readonly leftOut: readonly NotStored[];
}

export async function create(asking: Asking, { user, leftOut }: Fitted): Promise<ImportOutcome> {
  try {
    // Once the user is there, whatever fails is missing, and the outcome is still that they were created.
    const account = new Account(leftOut, { throwsTemporary: false });
    const organization = await add(asking, account, user);
    const { targetUserId, grants } = user;
    const granted = { targetUserId, grants, ...(organization !== undefined && { organization }) };
    await addGrants(asking, account, granted);
    return { kind: 'created', targetUserId, ...account.result };
  } catch (error) {
    if (!(error instanceof ZitadelError)) throw error;
    return notCreated(asking, user, error).catch((second) => {
      if (!(second instanceof ZitadelError)) throw second;
      return isTaken(error) ? unknown(second) : failed(error);
    });
  }
}

/** Where the user is now. What ZITADEL does not know, a number or a provider, costs itself and not the user. */
async function add(asking: Asking, account: Account, user: FittingUser): Promise<string | undefined> {
  const { api, ourIdp, signal } = asking;
  const [ours, others] = [user.links.filter(isAt(ourIdp)), user.links.filter((link) => !isAt(ourIdp)(link))];
  try {
    const { details } = await send<Added>(api, addHumanUser(user), signal);
    for (const what of storedAtOnce(user)) account.stored.add(what);
    return details?.resourceOwner ?? user.organization;
  } catch (error) {
    if (isBadPhone(error) && user.phone) {
      account.missing.push({ what: 'profile', code: error.reason });
      const { phone: _phone, ...rest } = user;
      return add(asking, account, rest);
    }
    if (!isUnknownIdp(error) || others.length === 0) throw error;
  }
  const organization = await add(asking, account, { ...user, links: ours });
  for (const link of others) {
    await account.note('links', () => send(api, addLink(user.targetUserId, link, organization), signal));
  }
  return organization;
}

const isAt =
  (idp: string | undefined) =>
  ({ idpId }: TargetLink) =>
    idpId === idp;

interface Added {
  readonly details?: { readonly resourceOwner?: string };
}

export const storedAtOnce = ({ hash, totpSecret, links, metadata }: FittingUser) => [
  'profile' as const,
  ...(hash === undefined ? [] : (['password'] as const)),
  ...(totpSecret === undefined ? [] : (['totp'] as const)),
  ...(links.length === 0 ? [] : (['links'] as const)),
  ...(metadata.length === 0 ? [] : (['metadata'] as const)),
];

/** What the failure means, looking at who is there where it may mean several things. */
async function notCreated(asking: Asking, user: FittingUser, error: ZitadelError): Promise<ImportOutcome> {
  if (!isTaken(error) && !isAmbiguous(error)) return failed(error);
  const own = await userById(asking, user.targetUserId);
  if (own) return { kind: 'exists', found: own };
  if (!isTaken(error)) return failed(error);
  if (isTakenId(error)) return { kind: 'unavailable', code: error.reason, retryAfterSeconds: LAG_SECONDS };
  return inTheWay(asking, user, error);
}
