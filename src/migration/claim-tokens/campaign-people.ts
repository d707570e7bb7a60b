import type { DirectoryEntry } from '../../legacy/entries.ts';
import type { LegacyEntry } from '../../user.ts';
import { directoryPages } from '../batch/directory-pages.ts';
import type { Selection } from '../batch/selection.ts';
import { matches } from '../batch/selection.ts';
import { statesAt } from '../ledger.ts';
import type { Addressee } from '../mailings/mailing.ts';
import { addressFor } from '../mailings/recipient.ts';
import type { State } from '../states.ts';
import { hasTargetUser } from '../states.ts';
import type { ClaimCampaignDeps, NotWrittenTo } from './campaign.ts';
import { linkedAmong } from './organization-links.ts';

export interface ClaimAudience {
  readonly selection: Selection;
  readonly organizations: boolean;
  /** Besides the selection. */
  readonly isMeant?: ((entry: LegacyEntry) => boolean) | undefined;
  /** Who of these is not to be written to. */
  readonly excepted?: ((subs: readonly string[]) => Promise<ReadonlySet<string>>) | undefined;
}

export interface Judged {
  readonly sub: string;
  readonly entry: LegacyEntry | undefined;
  /** Why there is no letter. */
  readonly reason: NotWrittenTo | undefined;
  readonly letters: readonly Addressee[];
  /** Organizations of theirs that there is no letter about: one person gets so many at most. */
  readonly beyond: number;
}

export interface JudgedPage {
  readonly people: readonly Judged[];
  /** How far the store has been read. */
  readonly upTo: string | undefined;
}

/** Whoever owns more begins with these, and finds the others after them. */
const MAX_ORGANIZATIONS = 20;

export interface Since {
  /** A subject; empty: from the start. */
  readonly after: string;
  /** Ages are counted from here. */
  readonly nowSeconds: number;
}

/** Throws legacy_unavailable, storage_unavailable; config_invalid where the store cannot be read so. */
export async function* judgedPages(
  deps: ClaimCampaignDeps,
  { target, ...audience }: ClaimAudience & { readonly target: string },
  since: Since,
): AsyncGenerator<JudgedPage> {
  const asked = { subs: audience.selection.subs, after: since.after, listedBy: '--subs' };
  for await (const page of directoryPages(deps.directory, asked)) {
    const subs = page.map(({ sub }) => sub);
    const [states, excepted] = await Promise.all([
      statesAt(deps.db, target, subs),
      audience.excepted?.(subs) ?? new Set<string>(),
    ]);
    const people = page.map((found) => {
      const standing = { state: states.get(found.sub), isExcepted: excepted.has(found.sub) };
      return judged(deps, { ...audience, nowSeconds: since.nowSeconds }, { found, standing });
    });
    yield {
      people: audience.organizations ? await withoutLinked(deps, target, people) : people,
      // One whose id makes no subject is no place to go on from.
      upTo: subs.findLast((sub) => deps.directory.legacyIdOf(sub) !== undefined),
    };
  }
}

interface Somebody {
  readonly found: DirectoryEntry;
  readonly standing: { readonly state: State | undefined; readonly isExcepted: boolean };
}

function judged(
  deps: ClaimCampaignDeps,
  audience: ClaimAudience & { readonly nowSeconds: number },
  { found, standing }: Somebody,
): Judged {
  const { sub } = found;
  const entry = found.error ? undefined : found;
  const reason =
    reasonOfRecord(audience, found) ?? (entry && reasonOfStanding(audience, entry, standing)) ?? undefined;
  const no = { sub, entry, letters: [], beyond: 0 };
  if (reason || !entry) return { ...no, reason: reason ?? 'gone' };
  const person = { sub, code: null, batchedAt: null };
  if (!audience.organizations) return { ...no, reason: undefined, letters: [person] };
  const keys = ownedBy(deps, entry);
  if (keys.length === 0) return { ...no, reason: 'no_organization' };
  return { ...no, reason: undefined, letters: keys.map((organization) => ({ ...person, organization })) };
}

function reasonOfRecord(
  { selection, nowSeconds, isMeant = () => true }: ClaimAudience & { readonly nowSeconds: number },
  found: DirectoryEntry,
): NotWrittenTo | undefined {
  if (found.error) return found.error.code === 'user_not_found' ? 'gone' : 'cannot_be_mapped';
  const { state } = found.user;
  const fits = matches({ ...selection, states: [state] }, found, nowSeconds) && isMeant(found);
  if (!fits) return 'not_asked';
  return state === 'active' ? undefined : state;
}

function reasonOfStanding(
  { organizations }: ClaimAudience,
  { user }: LegacyEntry,
  { state, isExcepted }: Somebody['standing'],
): NotWrittenTo | undefined {
  if (state === 'excluded' || state === 'deleted') return state;
  const isLinked = state !== undefined && hasTargetUser(state);
  if (isLinked !== organizations) return isLinked ? 'linked' : 'person_first';
  if (isExcepted) return 'excepted';
  return addressFor(user) ? undefined : 'no_verified_address';
}

function ownedBy({ directory }: ClaimCampaignDeps, { user }: LegacyEntry): string[] {
  const owned = (user.organizations ?? []).filter(({ isOwner }) => isOwner);
  return [...new Set(owned.flatMap(({ id }) => directory.organizationKey(user.sub, id) ?? []))];
}

async function withoutLinked(
  { db }: ClaimCampaignDeps,
  target: string,
  people: readonly Judged[],
): Promise<Judged[]> {
  const keys = people.flatMap(({ letters }) => letters.flatMap(({ organization }) => organization ?? []));
  if (keys.length === 0) return [...people];
  const linked = await linkedAmong(db, [target], keys);
  return people.map((one) => {
    if (one.letters.length === 0) return one;
    const open = one.letters.filter(({ organization = '' }) => !linked.has(organization));
    if (open.length === 0) return { ...one, letters: [], reason: 'organization_linked' };
    const letters = open.slice(0, MAX_ORGANIZATIONS);
    return { ...one, letters, beyond: open.length - letters.length };
  });
}
