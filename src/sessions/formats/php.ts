/** PHP's own sessions, in Redis (phpredis) or in a table of the app's making. */
import { randomInt } from 'node:crypto';
import { z } from 'zod';
import type { SessionMap } from '../serialisation/fields.ts';
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
import { serialize, unserializeMap } from '../serialisation/php-serialize.ts';
import { readPhpSession, writePhpSession } from '../serialisation/php-session.ts';
import type { SessionFormat } from '../session-format.ts';

const settings = z.strictObject({
  userField: userField(),
  userIs,
  serializer: z
    .enum(['php', 'php_serialize', 'json'])
    .default('php')
    .describe('`session.serialize_handler`; `json` where the app has a handler of its own that writes JSON.'),
});

const HANDLERS = {
  php: { read: readPhpSession, write: writePhpSession },
  php_serialize: { read: unserializeMap, write: serialize },
  json: { read: readJsonMap, write: (data: SessionMap) => JSON.stringify(data) },
};
/** `session.sid_length` and `session.sid_bits_per_character` allow these. */
const ID = /^[A-Za-z0-9,-]{22,256}$/;
/** Five bits each: 32 of them have the length that PHP’s own have. */
const ID_CHARACTERS = '0123456789abcdefghijklmnopqrstuv';

export const php = {
  settings,
  redis: { prefix: 'PHPREDIS_SESSION:' },
  open({ userField, userIs, serializer }) {
    const path = pathOf(userField);
    const handler = HANDLERS[serializer];
    return {
      cookieName: 'PHPSESSID',
      keyOf(cookie) {
        // A comma stands as %2C in cookies that PHP sets.
        const id = cookie.replaceAll(/%2c/gi, ',');
        return ID.test(id) ? id : undefined;
      },
      newSession() {
        const key = Array.from({ length: 32 }, () => ID_CHARACTERS[randomInt(32)]).join('');
        return { key, cookie: key };
      },
      read(stored) {
        const data = handler.read(stored);
        if (!data) return undefined;
        const person = personText(valueAt(data, path));
        return { data, ...(person === undefined ? {} : { person }) };
      },
      write({ data, person }) {
        const session = withValueAt(data, path, personValue(person, userIs)) as SessionMap;
        return Buffer.from(handler.write(session));
      },
    };
  },
} satisfies SessionFormat<typeof settings>;
