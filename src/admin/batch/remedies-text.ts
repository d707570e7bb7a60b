/** What `batch remedies` and `batch remind` say to people. */
import type { MailingCount } from '../../migration/mailings/mailing.ts';
import type { PatientPage, RemedyCount } from '../../migration/remedies/listing.ts';
import { SKIPS, type SkipCode } from '../../migration/remedies/recipient.ts';
import type { Rehearsal, Sample } from '../../migration/remedies/rehearsal.ts';
import type { CampaignReport } from '../../migration/remedies/run.ts';
import type { Way } from '../../migration/remedies/sending.ts';

export interface RemedyLine extends RemedyCount {
  readonly sentence: string;
}

const people = (users: number) => `${users.toLocaleString('en')} ${users === 1 ? 'person' : 'people'}`;

export function remediesText(target: string, remedies: readonly RemedyLine[]): string {
  if (remedies.length === 0) return `Nobody of this batch needs anything at ${target}.`;
  return remedies.flatMap(remedyLines).join('\n');
}

function remedyLines({ remedy, users, sentence, reasons, examples }: RemedyLine): string[] {
  return [
    `${remedy}: ${people(users)}`,
    `  ${sentence}`,
    ...reasons.map(({ what, code, users: n }) => `  ${what} (${code}): ${n.toLocaleString('en')}`),
    `  such as ${examples.join(', ')}`,
  ];
}

export function peopleText({ people: listed, next }: PatientPage): string {
  if (listed.length === 0) return 'Nobody.';
  const lines = listed.map(({ sub, outcome, prescriptions }) => {
    const needs = prescriptions.map(
      ({ remedy, what, code }) => `${remedy} (${what ? `${what}: ` : ''}${code})`,
    );
    return `${sub}  ${outcome}  ${needs.join(', ')}`;
  });
  return [...lines, ...(next ? [`More: --after '${next}'`] : [])].join('\n');
}

const WAYS: Readonly<Record<Way, (target: string) => string>> = {
  target: (target) => `${target} mails each of them a way to a new password.`,
  link: (target) => `We mail each of them a link to a new password at ${target}.`,
  login: (target) => `We mail each of them to register a passkey at ${target}.`,
};

export function rehearsalText({
  campaign,
  target,
  way,
  meant,
  fresh,
  counts,
  hours,
  sample,
  skipped,
}: Rehearsal): string {
  return [
    `Campaign ${campaign} for ${people(meant)}, ${fresh.toLocaleString('en')} of them not in it yet. ${WAYS[way](target)}`,
    `It takes ${durationText(hours)} at most. Everybody is looked up again before.`,
    ...countLines(counts),
    ...skipped.map(({ sub, code }) => `Would be skipped: ${sub} (${code}): ${SKIPS[code]}`),
    ...(sample ? sampleLines(sample) : ['Among the first people nobody would get a mail.']),
    'Nothing was sent: add --execute.',
  ].join('\n');
}

function sampleLines({ sub, to, mail }: Sample): string[] {
  if (!mail) return [`First: ${sub}, at ${to}. The target’s own mail cannot be shown.`];
  return [`First: ${sub}`, '', `To: ${to}`, `Subject: ${mail.subject}`, '', mail.text];
}

export function reportText({ campaign, counts, sent, stopped }: CampaignReport): string {
  return [
    `Campaign ${campaign}: sent to ${people(sent)} in this run.`,
    ...countLines(counts),
    ...(stopped ? [`Stopped (${stopped.code}): ${stopped.sentence}`] : []),
  ].join('\n');
}

function countLines(counts: readonly MailingCount[]): string[] {
  return counts.map(({ state, code, users, examples }) => {
    const why = code ? ` (${code})` : '';
    const sentence = code && code in SKIPS ? ` ${SKIPS[code as SkipCode]}` : '';
    const hint = state === 'unsure' ? ' They may have got it: --repeat-unsure writes to them again.' : '';
    const such = state === 'sent' || state === 'waiting' ? '' : `  such as ${examples.join(', ')}`;
    return `  ${state}${why}: ${users.toLocaleString('en')}${sentence}${hint}${such}`;
  });
}

function durationText(hours: number): string {
  if (hours < 1) return counted(Math.ceil(hours * 60), 'minute');
  return hours < 48 ? counted(Math.ceil(hours), 'hour') : counted(Math.ceil(hours / 24), 'day');
}

const counted = (n: number, unit: string) => `${n.toLocaleString('en')} ${unit}${n === 1 ? '' : 's'}`;
