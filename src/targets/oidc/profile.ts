/** Who signed in, from what an issuer says of them. */
import type { SignedIn } from '../sign-in.ts';
import { refused } from './refusals.ts';

export type Claims = Readonly<Record<string, unknown>>;

/** OpenID Connect Core 1.0 section 2: at most 255 ASCII characters; a subject with a control character in it is none. */
const SUBJECT = /^[\x20-\x7e]{1,255}$/;
/** What is shown, and stored nowhere. */
const MAX_TEXT = 255;
/** RFC 8176 has short names; own ones are often URNs. */
const METHOD = /^[\w.:/-]{1,64}$/;
const MAX_METHODS = 16;

/** Whether the ID token leaves out what is shown to people before anything is linked. */
export const isSparse = (claims: Claims) =>
  textOf(claims.name) === undefined || textOf(claims.email) === undefined;

/** First the ID token, then userinfo, whose subject is known to be the same. Throws SignInFailed. */
export function signedInOf(idToken: Claims, userinfo: Claims = {}): SignedIn {
  const targetUserId = idToken.sub;
  if (typeof targetUserId !== 'string' || !SUBJECT.test(targetUserId)) throw refused('wrong_sub');
  const text = (name: string) => textOf(idToken[name]) ?? textOf(userinfo[name]);
  const { email, emailVerified } = emailOf(idToken) ?? emailOf(userinfo) ?? { emailVerified: false };
  const told = {
    name: text('name'),
    givenName: text('given_name'),
    familyName: text('family_name'),
    username: text('preferred_username'),
    email,
    authTime: secondsOf(idToken.auth_time),
  };
  return { targetUserId, emailVerified, amr: methodsOf(idToken.amr), ...present(told) };
}

type Present<T> = { readonly [Name in keyof T]?: Exclude<T[Name], undefined> };

const present = <T extends object>(all: T) =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Present<T>;

/** An address and the word for it come from the same place. Some issuers write that word as text. */
function emailOf({ email: address, email_verified: isVerified }: Claims) {
  const email = textOf(address);
  return email === undefined
    ? undefined
    : { email, emailVerified: isVerified === true || isVerified === 'true' };
}

function textOf(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  return text !== '' && text.length <= MAX_TEXT && !/\p{Cc}/u.test(text) ? text : undefined;
}

const methodsOf = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [])
    .filter((method) => typeof method === 'string' && METHOD.test(method))
    .slice(0, MAX_METHODS);

const secondsOf = (value: unknown) =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : undefined;
