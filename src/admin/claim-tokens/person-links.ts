/** Where one person stands with claim tokens: their links, their organizations, and what their old login does. */
import { isFootbridgeError } from '../../errors.ts';
import type { ClaimTokenSettings } from '../../migration/claim-tokens/claim-settings.ts';
import type { ClaimToken } from '../../migration/claim-tokens/claim-token.ts';
import { countClaimTokens, listClaimTokens } from '../../migration/claim-tokens/claim-tokens.ts';
import type { EnforcementStanding } from '../../migration/claim-tokens/enforcement.ts';
import { openEnforcement } from '../../migration/claim-tokens/enforcement.ts';
import type { ClaimException } from '../../migration/claim-tokens/exceptions.ts';
import { listExceptions } from '../../migration/claim-tokens/exceptions.ts';
import { linksOf } from '../../migration/claim-tokens/organization-links.ts';
import { membershipsOf } from '../../migration/claim-tokens/organization-members.ts';
import type { LedgerRow } from '../../migration/ledger-row.ts';
import { hasTargetUser } from '../../migration/states.ts';
import type { User } from '../../user.ts';
import { seen } from '../batch/sections.ts';
import type { Desk } from '../operation.ts';
import { minute } from './claim-desk.ts';
import { oldLoginWords } from './old-login.ts';
import { stepOf } from './token-text.ts';

export interface ShownOrganization {
  /** Its key: the legacy id with the store's prefix. */
  readonly organization: string;
  readonly name: string;
  /** By the legacy store's word. */
  readonly isOwner: boolean;
  /** Null: it is not linked there. */
  readonly targetOrganizationId: string | null;
  /** What they are in it: by the target's word once it is linked, and nothing where they are not in it there. */
  readonly roles: readonly string[];
}

export interface PersonLinks {
  readonly target: string;
  readonly isLinked: boolean;
  readonly made: number;
  readonly open: number;
  readonly newest: ClaimToken | null;
  readonly exception: ClaimException | null;
  /** Null: the legacy store could not be asked. */
  readonly oldLogin: EnforcementStanding | null;
  readonly organizations: readonly ShownOrganization[];
}

interface Asked {
  readonly sub: string;
  /** Undefined where the legacy store has them no more, or is down. */
  readonly user: User | undefined;
  readonly ledger: readonly LedgerRow[];
}

/** One for each target with claim tokens. Throws storage_unavailable. */
export async function linksOfPerson(desk: Desk, asked: Asked): Promise<PersonLinks[]> {
  const found: PersonLinks[] = [];
  for (const settings of desk.claimTokens) found.push(await linksAt(desk, settings, asked));
  return found;
}

async function linksAt(desk: Desk, settings: ClaimTokenSettings, asked: Asked): Promise<PersonLinks> {
  const { db } = desk;
  const { target } = settings;
  const { sub, user, ledger } = asked;
  const row = ledger.find((one) => one.target === target);
  const [newest] = await listClaimTokens(db, { target, sub }, 1);
  const [exception] = await listExceptions(db, { target, sub }, 1);
  return {
    target,
    isLinked: row !== undefined && hasTargetUser(row.state),
    made: await countClaimTokens(db, { target, sub }),
    open: await countClaimTokens(db, { target, sub, state: 'open' }),
    newest: newest ?? null,
    exception: exception ?? null,
    oldLogin: await oldLoginOf(desk, target, sub),
    organizations: user && settings.organizations ? await organizationsOf(desk, { target, user, row }) : [],
  };
}

async function oldLoginOf({ db, directory, claimTokens }: Desk, target: string, sub: string) {
  try {
    const entry = await directory.findBySub(sub);
    return entry ? await openEnforcement({ db, claimTokens }).standingOf(target, entry) : null;
  } catch (error) {
    if (!isFootbridgeError(error) || error.code === 'storage_unavailable') throw error;
    return null;
  }
}

/** Nobody has more that matter; the others are told by the call of the apps. */
const MEMBERSHIPS = 200;

async function organizationsOf(
  { db, directory }: Desk,
  {
    target,
    user,
    row,
  }: { readonly target: string; readonly user: User; readonly row: LedgerRow | undefined },
): Promise<ShownOrganization[]> {
  const known = (user.organizations ?? []).flatMap(({ id, ...organization }) => {
    const key = directory.organizationKey(user.sub, id);
    return key === undefined ? [] : [{ key, ...organization }];
  });
  const targetUserId = row?.targetUserId;
  const there = targetUserId ? await membershipsOf(db, [{ target, targetUserId }], MEMBERSHIPS) : [];
  const keys = [...new Set([...known.map(({ key }) => key), ...there.map((one) => one.organization)])];
  const linked = new Map((await linksOf(db, target, keys)).map((link) => [link.organization, link]));
  return keys.toSorted().map((organization) => {
    const here = known.find(({ key }) => key === organization);
    const link = linked.get(organization);
    const member = there.find((one) => one.organization === organization);
    return {
      organization,
      name: here?.name ?? link?.name ?? organization,
      isOwner: here?.isOwner ?? false,
      targetOrganizationId: link?.targetOrganizationId ?? null,
      roles: link ? (member?.legacyRoles ?? []) : (here?.roles ?? []),
    };
  });
}

/** As `user show` has them; nothing of a target at which there is nothing to tell. */
export function personLinksLines(found: readonly PersonLinks[]): string[] {
  return found.flatMap((one) => [...tokenLines(one), ...oldLoginLines(one), ...organizationLines(one)]);
}

function tokenLines({ target, made, open, newest }: PersonLinks): string[] {
  if (!newest) return [];
  return [
    `  links      at ${target}: ${made} made, ${open} open; the newest is ${stepOf(newest)} (claim show ${newest.id})`,
  ];
}

function oldLoginLines({ target, exception, oldLogin, isLinked }: PersonLinks): string[] {
  if (exception) {
    const until = exception.until ? `until ${minute(exception.until)} UTC` : 'until it is taken back';
    return [`  old login  at ${target}: goes on, excepted ${until}: ${seen(exception.reason)}`];
  }
  if (!oldLogin || oldLogin.kind === 'free') return [];
  return [`  old login  at ${target}: ${oldLoginWords(oldLogin, isLinked)}`];
}

const organizationLines = ({ target, organizations }: PersonLinks): string[] =>
  organizations.map(({ organization, name, isOwner, targetOrganizationId, roles }) => {
    const label = (isOwner ? 'owner of' : 'member of').padEnd(10);
    const link = targetOrganizationId
      ? `linked at ${target} as ${targetOrganizationId}${roles.length > 0 ? '' : '; nothing there'}`
      : `not linked at ${target}`;
    const roleWords = roles.length > 0 ? `, ${roles.join(', ')}` : '';
    return `  ${label} ${seen(`${name} (${organization})${roleWords}: ${link}`)}`;
  });
