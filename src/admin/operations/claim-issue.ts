import { z } from 'zod';
import type { ErrorCode } from '../../errors.ts';
import { FootbridgeError, isFootbridgeError } from '../../errors.ts';
import type { SendOutcome } from '../../mail/mailer.ts';
import type { ClaimPurpose } from '../../migration/claim-tokens/claim-token.ts';
import type { Claimant, ClaimWish } from '../../migration/claim-tokens/issuing.ts';
import { claimantOf, claimSettingsOf, issueLink } from '../../migration/claim-tokens/issuing.ts';
import { mailboxFor } from '../../migration/mailings/recipient.ts';
import { seen } from '../batch/sections.ts';
import type { ShownPerson } from '../claim-tokens/claim-desk.ts';
import {
  issuingDepsOf,
  minute,
  NOTHING_CHANGED,
  personLine,
  shownPerson,
} from '../claim-tokens/claim-desk.ts';
import { mailerOf, mailLink } from '../claim-tokens/mailing.ts';
import type { Desk } from '../operation.ts';
import { defineOperation } from '../operation.ts';

interface Output {
  readonly executed: boolean;
  readonly target: string;
  readonly sub: string;
  readonly purpose: ClaimPurpose;
  readonly validHours: number;
  /** Absent where they cannot be looked at. */
  readonly person?: ShownPerson;
  readonly organization?: { readonly key: string; readonly name: string };
  /** Why they may have none. */
  readonly refused?: { readonly code: string; readonly sentence: string };
  readonly id?: string;
  /** Shown this once, and not where it was mailed. */
  readonly link?: string;
  readonly expiresAt?: Date;
  readonly mail?: { readonly to: string; readonly outcome?: SendOutcome };
}

/** What is nobody's fault but ours is no answer to who may have a link. */
const ANSWERS: ReadonlySet<ErrorCode> = new Set([
  'user_not_found',
  'user_disabled',
  'user_excluded',
  'user_linked',
  'organization_not_found',
  'organization_linked',
  'owner_needed',
  'person_first',
  'no_verified_address',
]);

/** What it means here, where the sentence of the code is for others; and what to do next. */
const WORDS: Partial<Record<ErrorCode, string>> = {
  user_not_found:
    'There is nobody with this sub, or they were forgotten at the target. `footbridge user show` says who somebody is.',
  user_linked: 'They are linked there already. `footbridge user show` says as whom.',
  organization_linked: 'It is linked there already. `footbridge claim organizations` says to which.',
};

export const claimIssue = defineOperation({
  name: 'claim issue',
  summary:
    'Makes a link by which one person links their own account, or an organization that they own, at a target: it is shown once, or mailed.',
  input: z.strictObject({
    user: z.string().min(1).describe('The sub, as user show has it: shop:4711.'),
    target: z.string().min(1).describe('The target’s name.'),
    organization: z
      .string()
      .min(1)
      .optional()
      .describe('The link is for this organization: its id in the legacy store. Its owner is the user.'),
    mail: z.boolean().default(false).describe('Mails the link to them instead of showing it.'),
  }),
  changes: true,
  async run(desk, { user: sub, target, organization, mail }, { execute }): Promise<Output> {
    if (mail) mailerOf(desk);
    const wish = { target, sub, organization };
    const { ttlHours } = claimSettingsOf(desk, target);
    const purpose = organization === undefined ? 'person' : 'organization';
    const common = { executed: execute, target, sub, purpose, validHours: ttlHours } as const;
    const found = await lookAt(desk, wish);
    if ('code' in found) {
      if (execute) throw found;
      return { ...common, refused: refusedFor(found) };
    }
    const { entry, organization: owned } = found;
    const shown = {
      ...common,
      person: shownPerson(entry.user),
      ...(owned ? { organization: { key: owned.key, name: owned.name } } : {}),
    };
    const to = mail ? mailboxFor(entry.user) : undefined;
    if (mail && !to) {
      const none = new FootbridgeError('no_verified_address');
      if (execute) throw none;
      return { ...shown, refused: refusedFor(none) };
    }
    if (!execute) return { ...shown, ...(to ? { mail: { to: to.address } } : {}) };
    const issued = await issueLink(issuingDepsOf(desk), wish, { origin: 'operator', actor: desk.actor });
    const { id, expiresAt } = issued;
    if (!to) return { ...shown, id, expiresAt, link: issued.link.reveal() };
    const outcome = await mailLink(desk, { target, user: entry.user, to }, issued);
    return { ...shown, id, expiresAt, mail: { to: to.address, outcome } };
  },
  print: (output) => lines(output).join('\n'),
  foundWrong: ({ refused, mail }) =>
    refused !== undefined || (mail?.outcome !== undefined && mail.outcome.kind !== 'sent'),
});

async function lookAt(desk: Desk, wish: ClaimWish): Promise<Claimant | FootbridgeError> {
  try {
    return await claimantOf(issuingDepsOf(desk), wish);
  } catch (error) {
    if (isFootbridgeError(error) && ANSWERS.has(error.code)) return error;
    throw error;
  }
}

const refusedFor = ({ code, message }: FootbridgeError) => ({ code, sentence: WORDS[code] ?? message });

function lines(output: Output): string[] {
  const { executed, target, sub, person, organization, refused, validHours, mail } = output;
  const what = organization
    ? `the organization ${seen(organization.name)} (${organization.key})`
    : 'their account';
  const who = person ? [`  ${personLine(person)}`] : [];
  if (refused) return [`No link for ${sub} at ${target}: ${refused.sentence} (${refused.code})`, ...who];
  if (!executed)
    return [
      `Would make a link by which ${sub} links ${what} at ${target}:`,
      ...who,
      `  Good for ${validHours} hours, once. ${mail ? `Mailed to ${mail.to}.` : 'Shown once, here.'}`,
      NOTHING_CHANGED,
    ];
  return made(output, what);
}

function made({ target, sub, id, link, expiresAt, mail }: Output, what: string): string[] {
  const until = expiresAt ? `until ${minute(expiresAt)} UTC` : '';
  const follow = `footbridge claim show ${id} says what becomes of it.`;
  if (!mail?.outcome)
    return [
      `A link by which ${sub} links ${what} at ${target}, good ${until}, once:`,
      `  ${link}`,
      'It is shown this once. Whoever opens it may link: give it to nobody else.',
      follow,
    ];
  switch (mail.outcome.kind) {
    case 'sent':
      return [
        `A link by which ${sub} links ${what} at ${target} was mailed to ${mail.to}, good ${until}.`,
        follow,
      ];
    case 'unsure':
      return [
        `The mail to ${mail.to} was handed over, and the answer was lost (${mail.outcome.code}): it may arrive. The link is good ${until}.`,
        follow,
      ];
    default:
      return [`The mail to ${mail.to} was not sent (${mail.outcome.code}). The link was taken back.`];
  }
}
