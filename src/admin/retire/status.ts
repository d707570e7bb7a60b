/** How far the end of a target has come, in figures and in words. */
import { counts } from '../../migration/ledger.ts';
import type { Retirement } from '../../migration/retiring/retirements.ts';
import { retirementOf } from '../../migration/retiring/retirements.ts';
import type { WipeCount } from '../../migration/retiring/wipes.ts';
import { countWipes } from '../../migration/retiring/wipes.ts';
import type { Target } from '../../targets/target.ts';
import type { Section } from '../batch/sections.ts';
import { count, minute, people } from '../claim-tokens/claim-desk.ts';
import type { Desk } from '../operation.ts';

/** Noted by `audit evidence`. */
export interface EvidenceNote {
  /** ISO 8601. */
  readonly at: string;
  /** Of the manifest, hexadecimal. */
  readonly sha256: string;
  readonly thumbprint: string;
}

export interface RetirementStatus extends Pick<Retirement, 'target' | 'state' | 'actor' | 'detail'> {
  readonly since: Date | null;
  /** Of the ledger. */
  readonly users: number;
  readonly wiped: number;
  readonly links: readonly WipeCount[];
  readonly evidence: EvidenceNote | null;
}

export async function retirementStatus(
  { db }: Pick<Desk, 'db'>,
  { name }: Target,
): Promise<RetirementStatus> {
  const { target, state, since, actor, detail } = await retirementOf(db, name);
  const links = await countWipes(db, name);
  const users = (await counts(db)).filter((one) => one.target === name);
  return {
    target,
    state,
    actor,
    detail,
    since: state === 'open' && actor === '' ? null : since,
    users: users.reduce((sum, one) => sum + one.users, 0),
    wiped: links.reduce((sum, one) => sum + one.people, 0),
    links,
    evidence: (detail.evidence as EvidenceNote | undefined) ?? null,
  };
}

const STATE_WORDS = {
  open: 'The old login is as it was.',
  redirecting: 'Everybody is sent on to the target; the legacy store is asked for nothing.',
  wiping: 'Everybody is sent on, and secrets are being wiped. There is no way back.',
  retired: 'It is over: the legacy store may be switched off.',
} as const;
const NEXT = {
  open: 'footbridge retire check, then footbridge retire redirect.',
  redirecting:
    'Wait until nobody complains, then footbridge retire wipe. footbridge retire redirect --undo takes it back.',
  wiping:
    'footbridge retire wipe until nobody is left, footbridge audit evidence, then footbridge retire finish.',
  retired: 'Switch the legacy store off, and keep the evidence pack where nobody can change it.',
} as const;

const LINK_WORDS = {
  local: 'log in at the target by themselves; no link to us is left',
  kept: 'can log in there only through us: the link is kept',
  none: 'have no user at the target',
} as const;

export function statusSections(status: RetirementStatus): Section[] {
  const { target, state, since, actor, users, wiped, links, evidence } = status;
  const kept = links.find(({ link }) => link === 'kept');
  return [
    {
      title: `The end of the legacy store for ${target}: ${state}`,
      text: [
        STATE_WORDS[state],
        ...(since ? [`Since ${minute(since)} UTC, by ${actor}.`] : []),
        `${count(wiped)} of ${people(users)} wiped.`,
        evidence
          ? `Evidence was written on ${evidence.at.slice(0, 10)}, signed with the key ${evidence.thumbprint}.`
          : 'No evidence was written yet.',
        `Next: ${NEXT[state]}`,
      ],
      ...(links.length > 0
        ? {
            table: {
              head: ['people', 'who', 'like'],
              rows: links.map((one) => [count(one.people), LINK_WORDS[one.link], one.examples.join(', ')]),
            },
          }
        : {}),
    },
    ...(kept ? [keptSection()] : []),
  ];
}

/** What to do about people whose only way into the target leads through us. */
export const keptSection = (): Section => ({
  title: 'People whose link is kept',
  text: [
    'Give them a password there before the old login is gone: footbridge batch remind --remedy reset mails them a way to choose one.',
    'Then say footbridge retire wipe again: it looks at them once more.',
  ],
});
