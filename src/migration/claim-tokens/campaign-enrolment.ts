/** Writes down everybody of a campaign before anybody is written to. Flat memory; it goes on after any kill. */

import { beginReading, endReading, keepPlace } from '../mailings/campaigns.ts';
import type { Stop } from '../mailings/health.ts';
import type { Addressee } from '../mailings/mailing.ts';
import { enrol } from '../mailings/mailings.ts';
import type { RunContext } from '../mailings/run.ts';
import type { ClaimCampaignDeps, OpenClaimCampaign } from './campaign.ts';
import type { ClaimAudience } from './campaign-people.ts';
import { judgedPages } from './campaign-people.ts';

export interface EnrolmentOptions extends Pick<RunContext, 'onProgress' | 'stops'> {
  /** Whom it is for, as plain JSON. */
  readonly plan: Readonly<Record<string, unknown>>;
  /** Also where everybody was read: somebody may have come since. */
  readonly again: boolean;
  /** After each page; false: somebody else reads on. */
  readonly onPage?: (() => Promise<boolean>) | undefined;
}

export interface Enrolment {
  /** New in the campaign. */
  readonly added: number;
  /** Why it ended before everybody was read. */
  readonly stopped: Stop | undefined;
  readonly isRead: boolean;
}

/** People per statement. */
const ENROLLED_AT_ONCE = 1_000;

/** Throws what `judgedPages` throws. */
export async function enrolClaimants(
  deps: ClaimCampaignDeps,
  opened: OpenClaimCampaign,
  { plan, again, onPage, ...options }: EnrolmentOptions & ClaimAudience,
): Promise<Enrolment> {
  const { campaign, target } = opened;
  const reading = await beginReading(deps.db, { campaign, target, plan }, { again });
  if (reading.isRead) return { added: 0, stopped: undefined, isRead: true };
  const told = await progressOf(deps, options);
  let added = 0;
  const since = { after: reading.readUpTo, nowSeconds: reading.begunAt.getTime() / 1_000 };
  for await (const { people, upTo } of judgedPages(deps, { ...options, target }, since)) {
    const letters = people.flatMap((one) => one.letters);
    added += await enrolPage(deps, opened, letters);
    if (upTo !== undefined) await keepPlace(deps.db, campaign, upTo);
    told(people.length);
    const stopped = options.stops?.();
    if (stopped) return { added, stopped, isRead: false };
    if (onPage && !(await onPage())) return { added, stopped: undefined, isRead: false };
  }
  await endReading(deps.db, campaign);
  return { added, stopped: undefined, isRead: true };
}

async function enrolPage(
  { db }: ClaimCampaignDeps,
  { campaign, target, remedy, clock }: OpenClaimCampaign,
  letters: readonly Addressee[],
): Promise<number> {
  let added = 0;
  for (let at = 0; at < letters.length; at += ENROLLED_AT_ONCE) {
    const some = letters.slice(at, at + ENROLLED_AT_ONCE);
    added += await enrol(db, { campaign, target, remedy, nowMs: clock.nowMs() }, some);
  }
  return added;
}

const READING = { code: 'reading', sentence: 'Reading the legacy store: who is to be written to.' };

/** Of those who are read: the letters come after. */
export async function progressOf(
  { directory }: Pick<ClaimCampaignDeps, 'directory'>,
  { onProgress }: Pick<RunContext, 'onProgress'>,
): Promise<(more: number) => void> {
  if (!onProgress) return () => undefined;
  const total = await directory.count?.().catch(() => undefined);
  const startedMs = performance.now();
  let users = 0;
  return (more) => {
    users += more;
    const seconds = Math.max((performance.now() - startedMs) / 1_000, 0.001);
    const perSecond = Math.round(users / seconds);
    onProgress({ users, total, continuedFrom: 0, perSecond, note: READING });
  };
}
