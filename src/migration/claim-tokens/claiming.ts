/**
 * The link itself: both sides are proved and the person has confirmed it. The token is spent, the ledger moves, the legacy
 * store is to be told and the owner of the account gets a letter: in one transaction, or nothing.
 */
import { FootbridgeError } from '../../errors.ts';
import type { Directory } from '../../legacy/directory.ts';
import { auditPart } from '../../store/audit-log.ts';
import type { Db, Queryable } from '../../store/db.ts';
import { sqlStateOf, UNIQUE_VIOLATION } from '../../store/db.ts';
import type { Keyring } from '../../store/encryption.ts';
import type { Part } from '../../store/statement.ts';
import type { SignedIn } from '../../targets/sign-in.ts';
import type { Target, Targets } from '../../targets/target.ts';
import type { LedgerRow } from '../ledger.ts';
import { find, findByTargetUser, moveEachParts } from '../ledger.ts';
import { linkOnly } from '../moving/linking.ts';
import { hasTargetUser } from '../states.ts';
import type { ClaimToken } from './claim-token.ts';
import { checkOpen, findClaimToken, keepHold, takeParts } from './claim-tokens.ts';
import { legacyWritePart } from './legacy-writes.ts';
import { noticePart } from './notices.ts';
import { linkByThere, linkOf, linkOrganizationPart } from './organization-links.ts';

export interface ClaimingDeps {
  readonly db: Db;
  readonly keyring: Keyring;
  readonly directory: Directory;
  readonly targets: Targets;
  /** The audit log's pseudonym of a sub or key. */
  readonly pseudonym: (sub: string) => Buffer;
}

/** By whom a token is held: a MAC, so that our database does not say who began and left. */
export const holderOf = (keyring: Keyring, target: string, subject: string): Buffer =>
  keyring.mac('claim-holder', target, subject);

/** How a person stands with an account at the target. */
export type PersonStanding =
  | { readonly kind: 'free' }
  /** To this very account. */
  | { readonly kind: 'linked' }
  | { readonly kind: 'linked-elsewhere' }
  /** The account there is another person's. */
  | { readonly kind: 'conflict' }
  /** They may not be linked. */
  | { readonly kind: 'barred' };

/** Without `targetUserId`, whether they are linked at all. Throws storage_unavailable. */
export async function standingOf(
  q: Queryable,
  {
    target,
    sub,
    targetUserId,
  }: { readonly target: string; readonly sub: string; readonly targetUserId?: string | undefined },
): Promise<PersonStanding> {
  const row = await find(q, target, sub);
  if (row?.state === 'excluded' || row?.state === 'deleted') return { kind: 'barred' };
  if (isLinked(row)) {
    const isSame = targetUserId === undefined || row?.targetUserId === targetUserId;
    return { kind: isSame ? 'linked' : 'linked-elsewhere' };
  }
  const other = targetUserId === undefined ? undefined : await findByTargetUser(q, target, targetUserId);
  return { kind: other && other.sub !== sub ? 'conflict' : 'free' };
}

const isLinked = (row: LedgerRow | undefined) => row !== undefined && hasTargetUser(row.state);

export interface PersonClaim {
  readonly token: Pick<ClaimToken, 'id' | 'sub'>;
  readonly target: Target;
  readonly there: SignedIn;
  /** Of the letter that tells of it, masked. */
  readonly thereMasked: string;
}

/**
 * Throws claim_token_spent, claim_token_expired, claim_token_held; already_linked (the account there is another person's),
 * user_linked; user_not_found, user_excluded; target_unavailable, target_refused, legacy_unavailable, storage_unavailable.
 */
export async function claimPerson(deps: ClaimingDeps, claim: PersonClaim): Promise<void> {
  const { token, target, there } = claim;
  const { id, sub } = token;
  const { targetUserId } = there;
  const by = holderOf(deps.keyring, target.name, targetUserId);
  // Before the target hears of it: a link that comes to nothing here must not be made there.
  if (!(await keepHold(deps.db, id, by))) throw await whyNotTaken(deps.db, id);
  await linkThere(deps, claim);
  const subject = deps.pseudonym(sub);
  const people: Part = {
    name: 'claim_people',
    text: `select sub, $1::bytea as subject, $2::jsonb as detail, $3::text as legacy_id, $4::text[] as amr,
        $5::text as target_user_id, null::boolean as made from claim_taken
      where purpose = 'person' and sub = $6::text and target = $7::text`,
    values: [
      subject,
      JSON.stringify({ target: target.name, targetUserId }),
      deps.directory.legacyIdOf(sub) ?? sub,
      // Nothing was typed here that RFC 8176 has a word for.
      [],
      targetUserId,
      sub,
      target.name,
    ],
  };
  const moves = moveEachParts(
    { target: target.name, actor: 'user', events: ['prove', 'create', 'confirm'], action: 'ledger.claim' },
    'claim_people',
  );
  const values = { id: sub, targetUserId };
  const wanted = deps.directory.writes(sub).has('linkPerson')
    ? [legacyWritePart({ key: sub, what: 'linkPerson', values }, 'ledger_row')]
    : [];
  const notice = {
    target: target.name,
    sub,
    notice: 'account-linked',
    detail: { there: claim.thereMasked },
  } as const;
  const parts = [...takeParts(id, by), people, ...moves, ...wanted, noticePart(notice, 'ledger_row')];
  await spend(deps, id, parts, 'ledger_row', 'user_linked');
}

/**
 * Where the target has us as an identity provider, the account there is linked to our subject as well, or the first login
 * through us would make a second one. Before our own link, because it can be repeated and a commit cannot be taken back.
 */
async function linkThere(deps: ClaimingDeps, { token, target, there }: PersonClaim): Promise<void> {
  const connection = deps.targets.connection(target.name);
  if (!connection) return;
  const linking = { target, sub: token.sub, targetUserId: there.targetUserId };
  const entry = await deps.directory.findBySub(token.sub);
  if (!entry) throw new FootbridgeError('user_not_found');
  await linkOnly({ ...deps, connection }, linking, entry.user);
}

export interface OrganizationClaim {
  readonly token: Pick<ClaimToken, 'id' | 'sub'> & { readonly organization: string };
  readonly target: string;
  readonly there: { readonly targetOrganizationId: string; readonly name: string };
  /** What it is called here, for the letter. */
  readonly name: string;
}

/** Throws claim_token_spent, claim_token_expired, claim_token_held, person_first, organization_linked, already_linked; storage_unavailable. */
export async function claimOrganization(
  deps: ClaimingDeps,
  { token, target, there, name }: OrganizationClaim,
): Promise<void> {
  const { id, sub, organization } = token;
  const { targetOrganizationId } = there;
  const owner = await find(deps.db, target, sub);
  if (!isLinked(owner)) throw new FootbridgeError('person_first');
  const by = holderOf(deps.keyring, target, targetOrganizationId);
  if (!(await keepHold(deps.db, id, by))) throw await whyNotTaken(deps.db, id);
  const values = { organization, targetOrganizationId };
  const wanted = deps.directory.writes(organization).has('linkOrganization')
    ? [legacyWritePart({ key: organization, what: 'linkOrganization', values }, 'organization_linked')]
    : [];
  const record = {
    actor: 'user',
    action: 'organization.linked',
    subject: deps.pseudonym(sub),
    detail: { target, organization, targetOrganizationId },
  };
  const notice = {
    target,
    sub,
    notice: 'account-linked',
    detail: { there: there.name, organization: name },
  } as const;
  const parts = [
    ...takeParts(id, by),
    linkOrganizationPart(there),
    ...wanted,
    auditPart(record, 'organization_linked'),
    noticePart(notice, 'organization_linked'),
  ];
  await spend(deps, id, parts, 'organization_linked', 'organization_linked');
}

/** Whether an organization may be linked so. */
export async function organizationStanding(
  q: Queryable,
  asked: { readonly target: string; readonly organization: string; readonly targetOrganizationId?: string },
): Promise<'free' | 'linked' | 'linked-elsewhere' | 'conflict'> {
  const { target, organization, targetOrganizationId } = asked;
  const own = await linkOf(q, target, organization);
  if (own?.state === 'linked') {
    const isSame = targetOrganizationId === undefined || own.targetOrganizationId === targetOrganizationId;
    return isSame ? 'linked' : 'linked-elsewhere';
  }
  const other =
    targetOrganizationId === undefined ? undefined : await linkByThere(q, target, targetOrganizationId);
  return other ? 'conflict' : 'free';
}

/** All or nothing: a token that was taken for a link that cannot be is given back. */
async function spend(
  { db }: ClaimingDeps,
  id: string,
  parts: readonly Part[],
  made: 'ledger_row' | 'organization_linked',
  otherwise: 'user_linked' | 'organization_linked',
): Promise<void> {
  const answer = `select exists (select from claim_taken) as taken, exists (select from ${made}) as made`;
  try {
    await db.transaction(async (tx) => {
      const [row] = await tx.runParts<{ taken: boolean; made: boolean }>(parts, answer);
      if (!row?.taken) throw await whyNotTaken(tx, id);
      if (!row.made) throw new FootbridgeError(otherwise);
    });
  } catch (error) {
    if (sqlStateOf(error) === UNIQUE_VIOLATION) throw new FootbridgeError('already_linked', { cause: error });
    throw error;
  }
}

async function whyNotTaken(q: Queryable, id: string): Promise<FootbridgeError> {
  const token = await findClaimToken(q, id);
  if (!token) return new FootbridgeError('claim_token_unknown');
  try {
    checkOpen(token);
  } catch (error) {
    return error as FootbridgeError;
  }
  // Open, but held by somebody else, or let go.
  return new FootbridgeError('claim_token_held');
}
