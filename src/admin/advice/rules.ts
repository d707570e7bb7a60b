/** What speaks for and against each pattern: sentences, each with the answers or the survey's figure that it rests on. */
import type { FigureName } from './figures.ts';
import type { PatternName } from './flowchart.ts';
import type { QuestionName } from './questions.ts';

export interface Rule {
  /** All of these answers were given; of a list, one. */
  readonly when?: Readonly<Partial<Record<QuestionName, string | readonly string[]>>>;
  /** The survey counted somebody. */
  readonly figure?: FigureName;
  /** `{n}` becomes the figure with its share, `{duration}` how long it takes to make so many at `{perSecond}` calls. */
  readonly say: string;
}

export interface Rules {
  readonly for: readonly Rule[];
  readonly against: readonly Rule[];
}

const NEEDS_PASSWORDS: Rule = {
  when: { onlyToken: 'yes' },
  say: 'It rests on a password that can be read or checked, and a token is all that proves a login.',
};
const COULD_BE_BATCH: Rule = {
  when: { onlyToken: 'no', zeroDowntime: 'no', passwordsCarried: 'yes' },
  say: 'Downtime is allowed and the passwords go along: catching people one by one would be effort for nothing.',
};
const CAUGHT: Rule = {
  figure: 'captured',
  say: '{n} have a hash that ZITADEL cannot read. Here they type their password, and ZITADEL gets a hash it can read.',
};
const ANY_TIME: Rule = {
  when: { zeroDowntime: 'yes' },
  say: 'Nobody has to wait: each person moves within their own login.',
};

export const RULES: Readonly<Record<PatternName, Rules>> = {
  batch: {
    for: [
      {
        when: { zeroDowntime: 'no' },
        say: 'Some downtime is allowed, so everybody can be moved while nobody changes anything.',
      },
      {
        when: { passwordsCarried: 'yes' },
        say: 'ZITADEL reads nearly all stored passwords: people need not come by for theirs.',
      },
      { figure: 'carried', say: '{n} have a password that goes along without their doing anything.' },
      {
        figure: 'totp',
        say: '{n} have one-time codes, which ZITADEL takes while it makes a user, as a batch does.',
      },
      {
        when: { appsAtOnce: 'yes' },
        say: 'All apps switch together, so nobody needs both systems after the day.',
      },
      { when: { lastDay: 'yes' }, say: 'Nobody stays behind, not even people who never log in.' },
    ],
    against: [
      NEEDS_PASSWORDS,
      {
        when: { zeroDowntime: 'yes' },
        say: 'What people change after their copy was taken is lost, unless logins stop for as long as the batch runs.',
      },
      {
        when: { passwordsCarried: 'no' },
        say: 'Too many passwords cannot be read by ZITADEL, and in a batch nobody types one.',
      },
      {
        figure: 'captured',
        say: '{n} have a hash that ZITADEL cannot read: after a batch alone they set a new password.',
      },
      {
        when: { appsAtOnce: 'no' },
        say: 'Apps that switch later go on with the legacy password: the two differ once somebody changes one.',
      },
      {
        when: { sessions: 'yes' },
        say: 'A batch opens no session: people log in twice, at the old apps and at the new.',
      },
      {
        when: { rollback: 'yes' },
        say: 'Going back is going back for everybody at once, without what was changed at ZITADEL.',
      },
    ],
  },
  'zitadel-leads': {
    for: [
      {
        when: { appsAtOnce: 'yes' },
        say: 'All apps speak to ZITADEL from the first day, so nobody needs a legacy session.',
      },
      {
        when: { loginPage: 'zitadel' },
        say: 'People type at ZITADEL’s own login from the first day, and keep doing so.',
      },
      {
        when: { loginPage: 'own' },
        say: 'Your login UI sends user name and password in one call, so people are made at their first login.',
      },
      {
        when: { onlyToken: 'no' },
        say: 'The guide asks for a user API at the legacy system: Footbridge is one.',
      },
      ANY_TIME,
      { ...CAUGHT, when: { loginPage: 'own' } },
    ],
    against: [
      NEEDS_PASSWORDS,
      COULD_BE_BATCH,
      {
        when: { appsAtOnce: 'no' },
        say: 'A password changed at ZITADEL does not reach the apps that have not switched yet.',
      },
      {
        when: { sessions: 'yes' },
        say: 'Nobody passes Footbridge’s login page, so no legacy session is opened.',
      },
      {
        when: { loginPage: 'footbridge' },
        say: 'People would type at ZITADEL, and you want them to type at Footbridge.',
      },
      {
        when: { loginPage: 'legacy' },
        say: 'People would type at ZITADEL, and you want them to stay at the legacy page.',
      },
      {
        when: { loginPage: 'zitadel' },
        say: 'ZITADEL’s own login shows its password page only to people who have a password there. All others come by a batch first, or type it at Footbridge, its identity provider.',
      },
      {
        when: { loginPage: ['zitadel', 'own'] },
        figure: 'totp',
        say: '{n} have one-time codes, which ZITADEL takes only while a user is made: the batch, or the creation at login, has to carry them.',
      },
    ],
  },
  'legacy-leads': {
    for: [
      {
        when: { loginPage: 'legacy' },
        say: 'People begin where they always have; the legacy page sends on those whose turn it is.',
      },
      {
        when: { appsAtOnce: 'no' },
        say: 'The guide lets the legacy system lead when apps switch one after the other.',
      },
      {
        when: { rollback: 'yes' },
        say: 'The legacy system decides at every login: sending nobody is the way back.',
      },
      ANY_TIME,
      CAUGHT,
    ],
    against: [
      NEEDS_PASSWORDS,
      COULD_BE_BATCH,
      {
        when: { sessions: 'yes' },
        say: 'A login leads to one side or the other, and opens a session only there.',
      },
      {
        when: { loginPage: ['footbridge', 'zitadel', 'own'] },
        say: 'The legacy login has to be changed to send people on, though they are not meant to type there.',
      },
    ],
  },
  brokering: {
    for: [
      {
        when: { sessions: 'yes' },
        say: 'One login at Footbridge opens a session at the old apps and at ZITADEL.',
      },
      { when: { appsAtOnce: 'no' }, say: 'Apps switch one after the other, each when it is ready.' },
      {
        when: { loginPage: 'footbridge' },
        say: 'People type at Footbridge’s page, which checks them as the legacy system does.',
      },
      {
        when: { rollback: 'yes' },
        say: 'The password stays with the legacy system for now, so each app can switch back by itself.',
      },
      ANY_TIME,
      CAUGHT,
      {
        figure: 'passkeys',
        say: '{n} have passkeys: they go on working at Footbridge’s page until new ones are registered.',
      },
      {
        figure: 'linked',
        say: '{n} are linked to other identity providers: the links are made again at ZITADEL.',
      },
    ],
    against: [
      NEEDS_PASSWORDS,
      COULD_BE_BATCH,
      {
        when: { appsAtOnce: 'yes' },
        say: 'All apps switch at once, so the second session opens nothing, and each login needs two systems.',
      },
      {
        when: { loginPage: 'legacy' },
        say: 'The password is typed at Footbridge’s page; the legacy one would have to give way.',
      },
      {
        when: { loginPage: ['zitadel', 'own'] },
        say: 'ZITADEL’s page only sends people on: until they have moved, the password is typed at Footbridge.',
      },
    ],
  },
  'jwt-idp': {
    for: [
      {
        when: { onlyToken: 'yes' },
        say: 'A token is all that proves a login, and it is enough to say who somebody is.',
      },
      {
        when: { sessions: 'yes', loginPage: 'legacy' },
        say: 'The legacy page and its session stay as they are, and ZITADEL gets its own session from them.',
      },
      {
        when: { rollback: 'yes' },
        say: 'No password leaves the legacy system, so there is nothing to bring back.',
      },
      ANY_TIME,
    ],
    against: [
      {
        when: { onlyToken: 'no' },
        say: 'A token carries no password: it stays with the legacy system, which cannot go before everybody has another.',
      },
      COULD_BE_BATCH,
      {
        when: { loginPage: ['footbridge', 'zitadel', 'own'] },
        say: 'The hand-over begins at a legacy session, which nobody gets who types elsewhere.',
      },
      {
        when: { onlyToken: 'yes' },
        say: 'No password and no second factor moves: people set both up at ZITADEL before the last day.',
      },
    ],
  },
};
