/** One of every letter: the rehearsal at start writes them all, `mail preview` shows them, and the tests read them. */
import { Secret } from '../settings.ts';
import type { Circumstance, Letter } from './letter.ts';
import { LINK_PLACEHOLDER } from './letter.ts';

const link = new Secret(LINK_PLACEHOLDER);
const expiresAt = new Date('2027-03-04T10:00:00Z');
const at = new Date('2027-03-01T10:00:00Z');
const organization = 'Beispiel & Partner';
const there = 'A… Tester';

/** What they are shown under. */
export const SAMPLES = {
  'choose-password': { letter: 'choose-password', link, expiresAt },
  'password-reset-announced': { letter: 'password-reset-announced' },
  'register-passkey': { letter: 'register-passkey', link },
  'claim-account': { letter: 'claim-account', link, expiresAt },
  'claim-account-organization': { letter: 'claim-account', link, expiresAt, organization },
  'claim-reminder': { letter: 'claim-reminder', link, expiresAt, until: new Date('2027-03-31T00:00:00Z') },
  'claim-enforced': { letter: 'claim-enforced', link, expiresAt },
  'account-linked': { letter: 'account-linked', there, at },
  'account-linked-organization': { letter: 'account-linked', there: organization, organization, at },
  'link-tried': { letter: 'link-tried', there, at },
  'link-tried-organization': { letter: 'link-tried', there: organization, organization, at },
} as const satisfies Readonly<Record<string, Letter>>;
export type SampleName = keyof typeof SAMPLES;
export const SAMPLE_NAMES = Object.keys(SAMPLES) as [SampleName, ...SampleName[]];

export const SAMPLE_PERSON = 'Anna Tester';

/** With everything that can be known of somebody, and with as little as can be. */
export const SAMPLE_LETTERS: readonly Letter[] = [
  ...Object.values(SAMPLES),
  { letter: 'choose-password', link },
  { letter: 'account-linked', at },
];
export const SAMPLE_CIRCUMSTANCES: readonly Omit<Circumstance, 'locale'>[] = [
  {
    name: SAMPLE_PERSON,
    target: 'New',
    sender: 'Shop',
    timeZone: 'Europe/Berlin',
    contact: 'help@shop.example',
  },
  { target: 'New', sender: 'Shop' },
];
