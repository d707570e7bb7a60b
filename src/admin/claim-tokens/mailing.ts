/** One link to one person by mail, at once and not in a campaign. */
import { FootbridgeError } from '../../errors.ts';
import type { Mailbox } from '../../mail/address.ts';
import { mailLocaleOf } from '../../mail/letters.ts';
import type { Mailer, SendOutcome } from '../../mail/mailer.ts';
import { noteClaim, revokeClaimTokens } from '../../migration/claim-tokens/claim-tokens.ts';
import type { IssuedLink } from '../../migration/claim-tokens/issuing.ts';
import { claimSettingsOf } from '../../migration/claim-tokens/issuing.ts';
import { appendAudit } from '../../store/audit-log.ts';
import type { User } from '../../user.ts';
import type { Desk } from '../operation.ts';

/** Throws config_invalid. */
export function mailerOf({ mailer }: Pick<Desk, 'mailer'>): Mailer {
  if (mailer) return mailer;
  throw new FootbridgeError('config_invalid', { detail: 'the settings have no `mail`' });
}

/** A link that has certainly reached nobody is taken back. */
export async function mailLink(
  desk: Desk,
  { target, user, to }: { readonly target: string; readonly user: User; readonly to: Mailbox },
  { id, link, expiresAt, organization }: IssuedLink,
): Promise<SendOutcome> {
  const mailer = mailerOf(desk);
  const letter = mailer.render(
    {
      letter: 'claim-account',
      link,
      expiresAt,
      ...(organization ? { organization: organization.name } : {}),
    },
    {
      locale: mailLocaleOf(user.locale) ?? mailer.defaultLocale,
      ...{ name: to.name, timeZone: user.zoneinfo, sender: mailer.sender },
      target: desk.targets.byName(target)?.displayName ?? target,
      contact: claimSettingsOf(desk, target).contact,
    },
  );
  const outcome = await mailer.send({ to, ...letter });
  const { db, audit, actor } = desk;
  if (outcome.kind === 'sent') await noteClaim(db, id, 'sent');
  else if (outcome.kind !== 'unsure') await revokeClaimTokens(db, { id });
  const detail = { target, letter: 'claim-account', ...('code' in outcome ? { code: outcome.code } : {}) };
  await appendAudit(db, {
    actor,
    action: `mail.${outcome.kind}`,
    subject: audit.pseudonym(user.sub),
    detail,
  });
  return outcome;
}
