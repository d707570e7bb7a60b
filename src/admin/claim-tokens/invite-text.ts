/** What `claim invite` says to people. */
import type { NotWrittenTo } from '../../migration/claim-tokens/campaign.ts';
import { NOT_WRITTEN_TO } from '../../migration/claim-tokens/campaign.ts';
import type { ClaimRehearsal } from '../../migration/claim-tokens/campaign-rehearsal.ts';
import type { ClaimCampaignReport } from '../../migration/claim-tokens/campaign-run.ts';
import type { MailingCount } from '../../migration/mailings/mailing.ts';

const number = (value: number) => value.toLocaleString('en');
const counted = (n: number, unit: string) => `${number(n)} ${unit}${n === 1 ? '' : 's'}`;
const people = (users: number) => `${number(users)} ${users === 1 ? 'person' : 'people'}`;

export function inviteRehearsalText(rehearsal: ClaimRehearsal): string {
  const { campaign, target, organizations, read, meant, fresh, leftOut, beyond, counts } = rehearsal;
  const what = organizations ? 'their organizations' : 'their accounts';
  return [
    `Campaign ${campaign}: of ${people(read)}, ${counted(meant, 'letter')} with a link to ${what} at ${target}, ${number(fresh)} of them not in the campaign yet.`,
    `It takes ${durationText(rehearsal.hours)} at most. Everybody is looked up again before, and links are made only then.`,
    ...logInLines(rehearsal),
    ...(beyond > 0
      ? [
          `${counted(beyond, 'organization')} more of owners who have many: once these are linked, run it again.`,
        ]
      : []),
    ...leftOut.map(
      ({ reason, users, examples }) =>
        `Not written to (${reason}): ${number(users)} ${NOT_WRITTEN_TO[reason]}  such as ${examples.join(', ')}`,
    ),
    ...countLines(counts),
    ...sampleLines(rehearsal),
    'Nothing was sent, and there is no link: add --execute.',
  ].join('\n');
}

function logInLines({ logIn: { users, rule } }: ClaimRehearsal): string[] {
  if (users === 0) return [];
  const why =
    rule === 'always' ? 'as the settings ask of everybody' : 'because they have a second factor here';
  return [`${people(users)} have to log in here as well before their link is followed, ${why}.`];
}

function sampleLines({ sample }: ClaimRehearsal): string[] {
  if (!sample) return ['Nobody would get a letter.'];
  const { sub, to, mail } = sample;
  return [`First: ${sub}`, '', `To: ${to}`, `Subject: ${mail.subject}`, '', mail.text];
}

export function inviteReportText({ campaign, enrolled, counts, sent, stopped }: ClaimCampaignReport): string {
  return [
    `Campaign ${campaign}: ${counted(enrolled, 'letter')} new in it, ${number(sent)} sent in this run.`,
    ...countLines(counts),
    ...(stopped ? [`Stopped (${stopped.code}): ${stopped.sentence}`] : []),
  ].join('\n');
}

function countLines(counts: readonly MailingCount[]): string[] {
  return counts.map(({ state, code, users, examples }) => {
    const why = code ? ` (${code})` : '';
    const sentence =
      code && Object.hasOwn(NOT_WRITTEN_TO, code) ? ` ${NOT_WRITTEN_TO[code as NotWrittenTo]}` : '';
    const hint = state === 'unsure' ? ' They may have got it: --repeat-unsure writes to them again.' : '';
    const such = state === 'sent' || state === 'waiting' ? '' : `  such as ${examples.join(', ')}`;
    return `  ${state}${why}: ${number(users)}${sentence}${hint}${such}`;
  });
}

function durationText(hours: number): string {
  if (hours < 1) return counted(Math.ceil(hours * 60), 'minute');
  return hours < 48 ? counted(Math.ceil(hours), 'hour') : counted(Math.ceil(hours / 24), 'day');
}
