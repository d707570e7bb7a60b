/** express-session: a signed id in the cookie, JSON in the store (connect-redis, connect-pg-simple and others). */
import { createHmac, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { secret } from '../../settings.ts';
import {
  pathOf,
  personText,
  personValue,
  userField,
  userIs,
  valueAt,
  withValueAt,
} from '../serialisation/fields.ts';
import { readJsonMap } from '../serialisation/json.ts';
import { decodedCookie, isSame } from '../serialisation/signed-values.ts';
import type { NewSession, SessionFormat } from '../session-format.ts';

const settings = z.strictObject({
  secrets: z
    .array(secret)
    .min(1)
    .max(8)
    .describe('`secret` of express-session: the first signs, all of them open.'),
  userField: userField('passport.user'),
  userIs,
  cookie: z
    .strictObject({
      path: z.string().startsWith('/').default('/').describe('`cookie.path`.'),
      httpOnly: z.boolean().default(true).describe('`cookie.httpOnly`.'),
      secure: z.boolean().exactOptional().describe('`cookie.secure`.'),
      sameSite: z.enum(['lax', 'strict', 'none']).exactOptional().describe('`cookie.sameSite`.'),
      domain: z.string().exactOptional().describe('`cookie.domain`.'),
    })
    .prefault({})
    .describe('The `cookie` options of express-session, which it keeps in every session.'),
});

/** `genid` makes them: 24 random bytes by default. */
const ID = /^.{1,256}$/;

export const express = {
  settings,
  redis: { prefix: 'sess:' },
  /** connect-pg-simple. */
  table: {
    table: 'session',
    key: 'sid',
    data: 'sess',
    time: { column: 'expire', means: 'expires', unit: 'timestamp' },
  },
  open(given) {
    const [first] = given.secrets;
    const path = pathOf(given.userField);
    return {
      cookieName: 'connect.sid',
      keyOf: (cookie) =>
        idOf(decodedCookie(cookie), (id) => given.secrets.map((key) => signed(id, key.reveal()))),
      newSession() {
        const key = randomBytes(24).toString('base64url');
        return { key, cookie: encodeURIComponent(`s:${signed(key, first!.reveal())}`) };
      },
      /** Without `cookie.expires`: stores that are only touched leave it as it was, and the session lives on. */
      read(stored) {
        const data = readJsonMap(stored);
        // Every session has it; the middleware fails on one that has none.
        if (!data || data.cookie === null || typeof data.cookie !== 'object') return undefined;
        const person = personText(valueAt(data, path));
        return { data, ...(person === undefined ? {} : { person }) };
      },
      write(session) {
        const data = withValueAt(session.data, path, personValue(session.person, given.userIs));
        return Buffer.from(JSON.stringify({ ...(data as object), cookie: cookieOf(session, given.cookie) }));
      },
    };
  },
} satisfies SessionFormat<typeof settings>;

/** As the package cookie-signature does. */
const signed = (id: string, key: string): string =>
  `${id}.${createHmac('sha256', key).update(id).digest('base64').replace(/=+$/, '')}`;

function idOf(cookie: string | undefined, allowed: (id: string) => string[]): string | undefined {
  if (!cookie?.startsWith('s:')) return undefined;
  const value = cookie.slice(2);
  const id = value.slice(0, Math.max(value.lastIndexOf('.'), 0));
  return ID.test(id) && allowed(id).some((whole) => isSame(whole, value)) ? id : undefined;
}

function cookieOf({ startedAt, expiresAt }: NewSession, options: z.output<typeof settings>['cookie']) {
  return {
    originalMaxAge: (expiresAt - startedAt) * 1_000,
    expires: new Date(expiresAt * 1_000).toISOString(),
    ...options,
  };
}
