/** What an app says of a session of its own, in an answer or in a call: the same members everywhere. */
import { z } from 'zod';
import { login, subject } from '../../migration/schemas.ts';
import type { FoundSession, LegacyPerson } from '../legacy-app.ts';
import type { SessionReference } from './session-reference.ts';
import { handleOf, MEMBERS, sessionId } from './session-reference.ts';

/** PHP and others write primary keys as numbers. */
const primaryKey = z.union([subject, z.int().transform(String)]);
/** Before the year 5000: milliseconds are a mistake that must not make a session eternal. */
export const seconds = z.int().min(0).max(95_617_584_000).describe('Seconds since the epoch.');

/** Who it is: exactly one of them. */
export const personShape = {
  legacyId: primaryKey.exactOptional().describe('The store’s primary key.'),
  username: login.exactOptional().describe('What the person types to log in.'),
  sub: subject.exactOptional().describe('Our `sub`.'),
};

export const sessionShape = {
  session: sessionId
    .exactOptional()
    .describe('The app’s own id of the session; the same as long as it lives.'),
  authTime: seconds
    .exactOptional()
    .describe('When the person proved who they are, in seconds since the epoch.'),
  amr: z
    .array(z.string().regex(/^[\x21-\x7e]{1,64}$/))
    .max(16)
    .exactOptional()
    .describe('How they proved it: RFC 8176 values; `mfa` where the second factor was used.'),
  lastUsedAt: seconds.exactOptional(),
  expiresAt: seconds.exactOptional(),
};

const MEMBER_NAMES = Object.values(MEMBERS);

/** Whether exactly one member says who it is. */
export const namesOnePerson = (told: Readonly<Record<string, unknown>>): boolean =>
  MEMBER_NAMES.filter((member) => told[member] !== undefined).length === 1;

export const toldSession = z
  .strictObject({ ...personShape, ...sessionShape })
  .refine(namesOnePerson, { error: 'expected one of legacyId, username, sub' });
export type ToldSession = z.output<typeof toldSession>;

type ToldPerson = Pick<ToldSession, 'legacyId' | 'username' | 'sub'>;

export function personOf({ legacyId, username, sub }: ToldPerson): LegacyPerson | undefined {
  if (legacyId !== undefined) return { by: 'id', value: legacyId };
  if (username !== undefined) return { by: 'login', value: username };
  return sub === undefined ? undefined : { by: 'subject', value: sub };
}

/** Undefined: it is over, or there is no way to call it. `otherwise`: how to call it where the app has no id for it. */
export function foundOf(
  told: ToldSession,
  { otherwise, nowSeconds }: { readonly otherwise: SessionReference; readonly nowSeconds: number },
): FoundSession | undefined {
  const { session, authTime, amr = [], lastUsedAt, expiresAt } = told;
  const handle = session ?? handleOf(otherwise);
  const person = personOf(told);
  if (!handle || !person || (expiresAt !== undefined && expiresAt <= nowSeconds)) return undefined;
  return {
    handle,
    person,
    amr,
    // A clock that is ahead of ours makes nobody's proof younger than now.
    ...(authTime === undefined ? {} : { authTime: Math.min(authTime, nowSeconds) }),
    ...(lastUsedAt === undefined ? {} : { lastUsedAt: Math.min(lastUsedAt, nowSeconds) }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
}
