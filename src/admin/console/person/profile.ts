/** Who somebody is in the legacy store. Of what they prove themselves with it says what there is, and never what it is. */
import type { Credentials, User } from '../../../user.ts';
import type { CellOf, Panel } from '../panels.ts';
import { counted } from '../panels.ts';
import type { Gathered } from './gathering.ts';

export const nameOf = ({ sub, user }: Pick<Gathered, 'sub' | 'user'>): string =>
  user?.name ?? user?.username ?? user?.email ?? sub;

export function profilePanel({ sub, legacy, user }: Gathered): Panel {
  const facts: (readonly [string, CellOf])[] = [['Subject', { code: sub }]];
  if (user) facts.push(...userFacts(user));
  if (legacy.isKnown && legacy.value) facts.push(...proofFacts(legacy.value.credentials));
  return {
    title: 'In the legacy store',
    isHalf: true,
    notices: legacy.isKnown
      ? user
        ? []
        : [{ tone: 'warn', sentences: ['The legacy store has nobody of this subject any more.'] }]
      : [
          {
            tone: 'bad',
            title: 'The legacy store does not say',
            sentences: [
              legacy.why,
              user ? 'This is what it said a moment ago.' : 'Everything else is known all the same.',
            ],
          },
        ],
    facts,
  };
}

const STATES = { active: 'ok', disabled: 'bad', locked: 'warn' } as const;

function userFacts(user: User): (readonly [string, CellOf])[] {
  const { username, email, emailVerified, phoneNumber, state, roles, groups = [], organizations = [] } = user;
  const facts: (readonly [string, CellOf | undefined])[] = [
    ['State', { badge: { text: state, tone: STATES[state] } }],
    ['Name', user.name],
    ['Login', username],
    ['Email', email && { text: email, badge: verified(emailVerified) }],
    ['Phone', phoneNumber && { text: phoneNumber, badge: verified(user.phoneNumberVerified) }],
    ['Language', user.locale],
    ['Roles', roles.join(', ')],
    ['Groups', groups.join(', ')],
    ['Organizations', organizations.map(({ id, name }) => `${name} (${id})`).join(', ')],
    [
      'Last login there',
      user.lastLoginAt === undefined ? undefined : { at: new Date(user.lastLoginAt * 1_000) },
    ],
  ];
  return facts.flatMap(([name, value]) => (value ? [[name, value] as const] : []));
}

const verified = (is: boolean) =>
  is ? ({ text: 'verified', tone: 'ok' } as const) : ({ text: 'not verified', tone: 'warn' } as const);

function proofFacts(credentials: Credentials): (readonly [string, CellOf])[] {
  const { passwords, totp, furtherTotp = [], passkeys = [], recoveryCodes = [] } = credentials;
  const formats = passwords.map(({ format, recipe }) => (recipe ? 'a recipe' : format));
  const factors = [
    ...(totp ? [counted(1 + furtherTotp.length, 'code generator')] : []),
    ...(passkeys.length > 0 ? [counted(passkeys.length, 'passkey')] : []),
    ...(recoveryCodes.length > 0 ? [counted(recoveryCodes.length, 'recovery code')] : []),
  ];
  const store = credentials.storeCheck ? ['the store checks it itself'] : [];
  return [
    ['Password', [...formats, ...store].join(', ') || 'none'],
    ['Second factors', factors.join(', ') || 'none'],
  ];
}
