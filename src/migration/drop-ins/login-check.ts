/**
 * The plain contract that our own snippets call (example/auth0, example/cognito): a login and a password lead to a
 * profile, errors are problem documents whose `code` tells a wrong password from everything else.
 */
import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import type { User } from '../../user.ts';
import { parseInput, parseJson } from '../json-routes.ts';
import { profileClaims } from '../profile.ts';
import type { Claim, DropInContract } from './drop-in.ts';
import type { SettingsOf } from './drop-in-settings.ts';

type Settings = SettingsOf<'auth0' | 'cognito'>;

const login = z.string().describe('As typed.');
const loginRequest = z.strictObject({
  login,
  password: z.string(),
  address: z.string().optional().describe('Where it was typed: an IP address.'),
});
const userRequest = z.strictObject({ login });
const answer = z.object({
  sub: z.string(),
  legacyId: z.string().describe('The person’s id in the legacy store.'),
  profile: z.record(z.string(), z.unknown()).describe('Claims of OpenID Connect Core 1.0, section 5.1.'),
});

/** `kind` stands in the paths. */
export function loginCheck(kind: Settings['kind'], caller: string): DropInContract<Settings> {
  return {
    kind,
    calls: [
      {
        asks: 'password',
        path: `/drop-ins/${kind}/:name/login`,
        summary: `Whose login and password these are, for ${caller}.`,
        request: loginRequest,
        response: answer,
        errors: ['wrong_password', 'throttled'],
        read: ({ body }): Claim => {
          const { login, password, address } = parseInput(loginRequest, parseJson(body));
          return { who: { login }, password, ...(address === undefined ? {} : { address }) };
        },
        answer: (verdict) => {
          if (verdict.kind === 'right') return { status: 200, body: answerOf(verdict.user) };
          if (verdict.kind === 'wrong') throw new FootbridgeError('wrong_password');
          throw new FootbridgeError('throttled', { retryAfterSeconds: verdict.waitSeconds });
        },
      },
      {
        asks: 'person',
        method: 'POST',
        path: `/drop-ins/${kind}/:name/user`,
        summary: `Who somebody with a verified email address is, before they have proved a password, for ${caller}. \`user_excluded\`: there is somebody who is not told of.`,
        request: userRequest,
        response: answer,
        errors: ['insufficient_scope', 'user_not_found', 'user_excluded'],
        read: ({ body }, { lookups }) => {
          // Not the answer that there is nobody: on it, somebody else could sign up with the address.
          if (!lookups)
            throw new FootbridgeError('insufficient_scope', { detail: 'this drop-in has no `lookups`' });
          return parseInput(userRequest, parseJson(body)).login;
        },
        // What follows is a mail there.
        fits: (user, login) =>
          user.state === 'active' &&
          user.emailVerified &&
          (!login.includes('@') || isSame(user.email, login)),
        answer: (looked) => {
          if (looked.kind === 'found') return { status: 200, body: answerOf(looked.user) };
          throw new FootbridgeError(looked.kind === 'unknown' ? 'user_not_found' : 'user_excluded');
        },
      },
    ],
  };
}

const isSame = (one: string | undefined, other: string) => one?.toUpperCase() === other.toUpperCase();

const answerOf = (user: User): z.output<typeof answer> => ({
  sub: user.sub,
  legacyId: user.legacyId,
  profile: profileClaims(user),
});
