/** Puts together how people link their own accounts: the pages, the letters, what the legacy store is told, and the targets' memberships. */
import type { Ground } from './ground.ts';
import { openReminders } from './migration/claim-tokens/campaign-reminders.ts';
import type { Enforcement } from './migration/claim-tokens/enforcement.ts';
import { openEnforcement } from './migration/claim-tokens/enforcement.ts';
import { writeLegacy } from './migration/claim-tokens/legacy-writes.ts';
import type { NoticesDeps } from './migration/claim-tokens/notice-worker.ts';
import { openNotices } from './migration/claim-tokens/notice-worker.ts';
import type { Metrics } from './observability/metrics.ts';
import type { ClaimingParts } from './provider/claiming/index.ts';
import type { OrganizationClaim } from './provider/claims.ts';
import type { FollowingDeps } from './sync/organizations/following.ts';
import { openFollowing } from './sync/organizations/following.ts';
import { organizationRolesOf } from './sync/organizations/roles.ts';
import type { User } from './user.ts';

export interface SelfLinking {
  readonly enforcement: Enforcement;
  /** What somebody is in their organizations, for tokens; undefined where none can be linked. */
  readonly organizationsOf: ((user: User) => Promise<readonly OrganizationClaim[]>) | undefined;
  /** For the public listener; undefined where the settings have no claim tokens. */
  readonly claiming: ClaimingParts | undefined;
  /** Done again and again by every node, each at its own pace. */
  readonly close: () => Promise<void>;
  readonly rounds: readonly { readonly everyMs: number; readonly round: () => Promise<unknown> }[];
}

/** What a person waits for, and what somebody has just asked for. */
const SOON_MS = 3_000;
/** Letters go out in between, so that their own pace is what they keep to. */
const REMINDERS_MS = 5_000;
/** Webhooks have waited for as long. */
const EVENTS_MS = 1_000;

/** What sync does with events about users. */
export type Hearing = Pick<FollowingDeps, 'onUserEvents' | 'seal' | 'isOnlyWay'>;

export function openSelfLinking(
  parts: Ground & { readonly metrics: Metrics },
  hearing: Hearing | undefined,
): SelfLinking {
  const { settings, db, keyring, directory, targets, mailer, audit, metrics, log } = parts;
  const { claimTokens, provider, pages } = settings;
  const { pseudonym } = audit;
  const { issuer } = provider;
  const writes = { db, directory, pseudonym };
  const issuing = { db, directory, claimTokens, issuer, pseudonym };
  const noticesDeps: NoticesDeps = { ...issuing, targets, mailer };
  const notices = openNotices(noticesDeps);
  const quietly = (work: Promise<unknown>) =>
    void work.catch((error) => log.debug({ error }, 'what a link has asked for is done later'));
  const enforcement = openEnforcement({ db, claimTokens });
  const claiming: ClaimingParts = {
    claimTokens,
    claiming: { db, keyring, directory, targets, pseudonym },
    enforcement,
    mails: mailer !== undefined,
    siteName: pages.name,
    kick: (key) => {
      quietly(writeLegacy(writes, key));
      quietly(notices.round());
    },
    onClaim: (outcome) => metrics.claims.inc({ ...outcome }),
  };
  const following = openFollowing({
    db,
    targets,
    claimTokens,
    directory,
    pseudonym,
    onError: (error) => log.warn({ error }, 'memberships could not be read or written'),
    ...hearing,
    onTurn: ({ target, result }) => metrics.membershipReads.inc({ target, result }),
  });
  const events = { everyMs: EVENTS_MS, round: () => following.round() };
  if (claimTokens.length === 0)
    return {
      enforcement,
      claiming: undefined,
      organizationsOf: undefined,
      close: async () => undefined,
      rounds: hearing ? [events] : [],
    };
  const reminders = openReminders({
    ...issuing,
    targets,
    mailer,
    onError: (error) => log.warn({ error }, 'reminders of the old login’s end could not be sent'),
    onStopped: (campaign, { code }) => log.warn({ campaign, errorCode: code }, 'reminders rest for a while'),
  });
  return {
    enforcement,
    claiming,
    organizationsOf: organizationsFor(parts),
    close: () => reminders.close(),
    rounds: [
      { everyMs: SOON_MS, round: () => writeLegacy(writes) },
      { everyMs: SOON_MS, round: () => notices.round() },
      events,
      { everyMs: REMINDERS_MS, round: () => reminders.round() },
    ],
  };
}

/** Linked organizations by the target's word, all others by the legacy store's. */
function organizationsFor({ settings, db, directory }: Ground): SelfLinking['organizationsOf'] {
  const targets = settings.claimTokens.flatMap(({ target, organizations }) =>
    organizations ? [target] : [],
  );
  if (targets.length === 0) return undefined;
  return async (user) => {
    const known = (user.organizations ?? []).flatMap(({ id, name, roles }) => {
      const organization = directory.organizationKey(user.sub, id);
      return organization === undefined ? [] : [{ organization, name, roles }];
    });
    const roles = await organizationRolesOf(db, { sub: user.sub, targets, legacy: known });
    const names = new Map(known.map(({ organization, name }) => [organization, name]));
    return [...roles].map(([id, has]) => ({ id, name: names.get(id) ?? id, roles: [...has] }));
  };
}
