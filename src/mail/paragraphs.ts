/** Which texts make which letter. */
import type { Letter } from './letter.ts';
import type { TextKey } from './mail-theme.ts';

/** What fills the places of texts. Empty: there is none. */
export interface Values {
  readonly name: string;
  readonly target: string;
  readonly sender: string;
  /** Until when a link is good. */
  readonly until: string;
  /** Of the old login. */
  readonly lastDay: string;
  readonly at: string;
  readonly there: string;
  /** Never empty: it may be said what it is without its name. */
  readonly organization: string;
  readonly contact: string;
}

export interface Paragraphs {
  readonly subject: string;
  readonly before: readonly string[];
  readonly button?: string;
  readonly after: readonly string[];
}

export type Say = (key: TextKey) => string;
type Write<L extends Letter> = (letter: L, say: Say, values: Values) => Paragraphs;
type Of<K extends Letter['letter']> = Extract<Letter, { readonly letter: K }>;

export const PARAGRAPHS: { readonly [K in Letter['letter']]: Write<Of<K>> } = {
  'choose-password': ({ expiresAt }, say, values) => ({
    subject: say('choose-password.subject'),
    before: [say('choose-password.why'), say('choose-password.what')],
    button: say('choose-password.button'),
    after: [
      ...(expiresAt ? [say('choose-password.until')] : []),
      say('choose-password.private'),
      ...help(say, values),
    ],
  }),
  'password-reset-announced': (_, say, values) => ({
    subject: say('password-reset-announced.subject'),
    before: [say('password-reset-announced.why'), say('password-reset-announced.what')],
    after: [say('password-reset-announced.missing'), ...help(say, values)],
  }),
  'register-passkey': (_, say, values) => ({
    subject: say('register-passkey.subject'),
    before: [say('register-passkey.why'), say('register-passkey.what')],
    button: say('register-passkey.button'),
    after: [say('register-passkey.old'), ...help(say, values)],
  }),
  'claim-account': ({ organization }, say, values) => ({
    ...(organization === undefined ? aPerson(say) : anOrganization(say)),
    after: [say('claim.until'), say('claim.unasked'), ...help(say, values)],
  }),
  'claim-reminder': (_, say, values) => ({
    subject: say('claim-reminder.subject'),
    before: [say('claim-reminder.why'), say('claim.what')],
    button: say('claim.button'),
    after: [say('claim.until'), say('claim.late'), say('claim.unasked'), ...help(say, values)],
  }),
  'claim-enforced': (_, say, { contact }) => ({
    subject: say('claim-enforced.subject'),
    before: [say('claim-enforced.why'), say('claim.what')],
    button: say('claim.button'),
    after: [
      say('claim.until'),
      say('claim.late'),
      say(contact ? 'claim-enforced.alarm.contact' : 'claim-enforced.alarm'),
    ],
  }),
  'account-linked': told,
  'link-tried': told,
};

const aPerson = (say: Say) => ({
  subject: say('claim-account.subject'),
  before: [say('claim-account.why'), say('claim.what')],
  button: say('claim.button'),
});

const anOrganization = (say: Say) => ({
  subject: say('claim-account.organization.subject'),
  before: [say('claim-account.organization.why'), say('claim-account.organization.what')],
  button: say('claim-account.organization.button'),
});

/** What has happened, and whom to tell if it was somebody else. */
function told(
  { letter, organization }: Of<'account-linked' | 'link-tried'>,
  say: Say,
  { there, contact }: Values,
): Paragraphs {
  const of = organization === undefined ? '' : '.organization';
  return {
    subject: say(`${letter}${of}.subject`),
    before: [say(`${letter}${of}.what`), ...(there ? [say(`there${of}`)] : [])],
    after: [say(contact ? 'alarm.contact' : 'alarm')],
  };
}

const help = (say: Say, { contact }: Values): string[] => (contact ? [say('help')] : []);
