/** Sessions of an app's own making: the cookie is a random value, the session is JSON. */
import { hash, randomBytes } from 'node:crypto';
import { z } from 'zod';
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
import type { SessionFormat } from '../session-format.ts';

const settings = z.strictObject({
  userField: userField(),
  userIs,
  keyHash: z
    .enum(['none', 'sha256'])
    .default('none')
    .describe('Under which key the session of a cookie is stored: its value, or the SHA-256 of it in hex.'),
});

/** RFC 6265 section 4.1.1; shorter ones can be guessed. */
const COOKIE = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{16,256}$/;

export const json = {
  settings,
  open({ userField, userIs, keyHash }) {
    const path = pathOf(userField);
    const stored = (cookie: string) => (keyHash === 'none' ? cookie : hash('sha256', cookie, 'hex'));
    return {
      cookieName: 'session',
      keyOf: (cookie) => (COOKIE.test(cookie) ? stored(cookie) : undefined),
      newSession() {
        const cookie = randomBytes(32).toString('base64url');
        return { cookie, key: stored(cookie) };
      },
      read(bytes) {
        const data = readJsonMap(bytes);
        if (!data) return undefined;
        const person = personText(valueAt(data, path));
        return { data, ...(person === undefined ? {} : { person }) };
      },
      write: ({ data, person }) =>
        Buffer.from(JSON.stringify(withValueAt(data, path, personValue(person, userIs)))),
    };
  },
} satisfies SessionFormat<typeof settings>;
