/** What to mind with the pattern that was chosen, besides what speaks against it. */
import type { PatternName } from './flowchart.ts';
import type { Rule } from './rules.ts';

interface Reminder extends Rule {
  /** With every pattern where absent. */
  readonly patterns?: readonly PatternName[];
}

export const MIND: readonly Reminder[] = [
  {
    when: { appsAtOnce: 'yes', sessions: 'yes' },
    say: 'All apps switch on one day and one login opens old apps too: one of the two is not needed.',
  },
  {
    patterns: ['batch'],
    figure: 'users',
    say: 'At {perSecond} calls a second (`api.perSecond`) {n} take {duration} or more.',
  },
  {
    patterns: ['zitadel-leads', 'legacy-leads', 'brokering', 'jwt-idp'],
    when: { lastDay: 'yes' },
    say: 'Whoever does not come by before the last day stays behind: plan a batch for them.',
  },
  {
    patterns: ['zitadel-leads', 'legacy-leads', 'brokering', 'jwt-idp'],
    when: { lastDay: 'yes' },
    figure: 'idle',
    say: '{n} have not logged in for 90 days and will hardly come by themselves.',
  },
  {
    patterns: ['brokering', 'jwt-idp'],
    say: 'Footbridge down is login down for everybody who comes through it: run two nodes.',
  },
  {
    patterns: ['zitadel-leads'],
    say: 'Footbridge down is login down for everybody who types a password at ZITADEL: run two nodes.',
  },
  {
    patterns: ['batch', 'zitadel-leads', 'legacy-leads', 'brokering'],
    say: 'Whoever is linked to Footbridge is sent there by Login V2, also after the password has moved: the link goes last.',
  },
  {
    figure: 'linked',
    say: '{n} are linked to other identity providers. With a second link, ours, the login name leads nowhere at Login V2 (issue 11412): they use the provider’s button.',
  },
  {
    patterns: ['batch', 'zitadel-leads', 'legacy-leads', 'brokering'],
    figure: 'carried',
    say: 'ZITADEL takes a hash only if its verifier is switched on, by default that of bcrypt alone: see docs/targets/zitadel.md.',
  },
  {
    patterns: ['jwt-idp'],
    say: 'ZITADEL does not look whether the browser that brings a token is the one it sent: so people press a button at each hand-over.',
  },
  { figure: 'passkeys', say: '{n} have passkeys. ZITADEL takes none over: they register new ones there.' },
  {
    figure: 'noEmail',
    say: '{n} have no usable email address, and ZITADEL makes nobody without one: a placeholder is sent.',
  },
  {
    figure: 'reset',
    say: '{n} have a password that nobody can verify: they set a new one, whatever the pattern.',
  },
  {
    figure: 'totpRefused',
    say: '{n} have one-time codes of a kind that ZITADEL does not compute: they set them up anew.',
  },
  {
    figure: 'sharedLogins',
    say: '{n} share what they log in with, or nearly: ZITADEL takes one of them only.',
  },
  { figure: 'unmappable', say: '{n} cannot be mapped: nobody of them moves until the mapping is mended.' },
];
