/**
 * The keycloak-user-migration plugin of daniel-frak (and of others who took its contract over), by its source. It puts
 * `/<username or email>` behind its base address: GET says who that is, POST `{ password }` whether it is theirs. 200 is
 * yes, every other status and every failure is no, to both: so an outage of ours reads there as an unknown user, whatever
 * we answer, and is 503 for the eyes of whoever watches.
 *
 * The plugin makes the user at GET, before any password. It drops an answer whose username or email is not what it asked
 * for, in any case; and it fails where the username is not in lower case, which is what Keycloak makes of it.
 */
import { z } from 'zod';
import { encodeBase32 } from '../../../credentials/totp.ts';
import { FootbridgeError } from '../../../errors.ts';
import type { TotpSecret, User } from '../../../user.ts';
import { parseInput, parseJson } from '../../json-routes.ts';
import { usernameOf } from '../../profile.ts';
import type { Claim, DropInContract, Found } from '../drop-in.ts';
import type { SettingsOf } from '../drop-in-settings.ts';

const PATH = '/drop-ins/keycloak/:name/users/:login';
/** Keycloak's column for the id of a user. */
const ID_CHARACTERS = 36;
/** Ids that begin so are of another store to Keycloak (`StorageId`). */
const FEDERATED_ID = 'f:';
/** Longer than any login or subject. */
const LOGIN_CHARACTERS = 400;
/** No store takes them in an id. */
const CONTROL = /[\u0000-\u001f\u007f]/;
/** Keycloak's name of what makes a person set up a second factor at their login. */
const NEW_FACTOR = 'CONFIGURE_TOTP';

const texts = z.array(z.string());
const person = z.object({
  id: z.string().optional(),
  username: z.string(),
  email: z.string().optional(),
  firstName: z.string().optional(),
  lastName: z.string().optional(),
  enabled: z.boolean(),
  emailVerified: z.boolean(),
  attributes: z.record(z.string(), texts),
  roles: texts,
  groups: texts,
  requiredActions: texts,
  totps: z
    .array(
      z.object({
        name: z.string(),
        secret: z.string(),
        digits: z.int(),
        period: z.int(),
        algorithm: z.string(),
        encoding: z.literal('BASE32'),
      }),
    )
    .optional(),
});
const request = z.object({ password: z.string() });

export const keycloakPlugin: DropInContract<SettingsOf<'keycloak'>> = {
  kind: 'keycloak',
  calls: [
    {
      asks: 'person',
      method: 'GET',
      path: PATH,
      summary:
        'Who a username or an email address is, for the keycloak-user-migration plugin. 404: nobody to be told of.',
      response: person,
      errors: ['volume_exceeded'],
      read: ({ path }) => lastSegment(path),
      fits: (user, login, { userId }) => isNamed(user, login) && (!userId || isId(user.sub)),
      answer: (looked, settings) =>
        looked.kind === 'found'
          ? { status: 200, body: personOf(looked, settings) }
          : { status: 404, body: {} },
    },
    {
      asks: 'password',
      path: PATH,
      summary: 'Whether a password is right, for the keycloak-user-migration plugin. 200: yes; 403: no.',
      request,
      response: z.object({}),
      read: ({ path, body }, { userId }): Claim => {
        const { password } = parseInput(request, parseJson(body));
        const named = lastSegment(path);
        return { who: userId ? { sub: named } : { login: named }, password };
      },
      answer: ({ kind }) => ({ status: STATUS[kind], body: {} }),
    },
  ],
};

const STATUS = { right: 200, wrong: 403, throttled: 429 } as const;

/**
 * As Java's URLEncoder writes it, which the plugin uses: a blank is `+`, and a plus sign is `%2B`. It leaves no `@` as it
 * is: where one stands, somebody else wrote the path, and means a plus sign.
 */
function lastSegment(path: string): string {
  const segment = path.slice(path.lastIndexOf('/') + 1);
  const text = decoded(segment.includes('@') ? segment : segment.replaceAll('+', ' '));
  if (text === undefined || CONTROL.test(text) || text.length > LOGIN_CHARACTERS)
    throw new FootbridgeError('bad_request', { detail: 'the path names nobody' });
  return text;
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

const isSame = (one: string | undefined, other: string) => one?.toUpperCase() === other.toUpperCase();

/** Otherwise the plugin would drop the answer. */
const isNamed = (user: User, login: string) => isSame(usernameOf(user), login) || isSame(user.email, login);

const isId = (sub: string) => sub.length <= ID_CHARACTERS && !sub.startsWith(FEDERATED_ID);

function personOf(
  { user, seeds, lacksFactor }: Found,
  { userId }: SettingsOf<'keycloak'>,
): z.output<typeof person> {
  return {
    ...(userId ? { id: user.sub } : {}),
    username: usernameOf(user).toLowerCase(),
    ...(user.email === undefined ? {} : { email: user.email }),
    ...(user.givenName === undefined ? {} : { firstName: user.givenName }),
    ...(user.familyName === undefined ? {} : { lastName: user.familyName }),
    enabled: user.state === 'active',
    emailVerified: user.emailVerified,
    attributes: attributesOf(user),
    roles: [...user.roles],
    groups: [...(user.groups ?? [])],
    requiredActions: lacksFactor ? [NEW_FACTOR] : [],
    ...(seeds.length > 0 ? { totps: seeds.map(totpOf) } : {}),
  };
}

/** The names that Keycloak's own client scopes read, and what the mapping names besides. */
function attributesOf({ attributes, metadata, locale, nickname, ...user }: User): Record<string, string[]> {
  const phone = user.phoneNumber && {
    phoneNumber: user.phoneNumber,
    phoneNumberVerified: user.phoneNumberVerified,
  };
  const all = { ...metadata, ...attributes, locale, nickname, ...phone };
  return Object.fromEntries(
    Object.entries(all)
      .filter(([, value]) => value !== undefined && value !== null)
      .map(([name, value]) => [name, (Array.isArray(value) ? value : [value]).map(textOf)]),
  );
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));

function totpOf({ secret, digits, periodSeconds, algorithm }: TotpSecret, index: number) {
  return {
    name: index === 0 ? 'TOTP' : `TOTP ${index + 1}`,
    secret: encodeBase32(secret),
    digits,
    period: periodSeconds,
    algorithm: `Hmac${algorithm}`,
    encoding: 'BASE32' as const,
  };
}
