/** Rails with activerecord-session_store, or a Redis store with Marshal or JSON; people of Devise or of the app's own. */
import { hash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { base64 } from '../../credentials/encoding.ts';
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
import { readMarshal, writeMarshal } from '../serialisation/ruby-marshal.ts';
import { isSame } from '../serialisation/signed-values.ts';
import type { NewSession, SessionFormat } from '../session-format.ts';

const settings = z.strictObject({
  serializer: z
    .enum(['marshal', 'json', 'marshal-bytes'])
    .default('marshal')
    .describe(
      'How a new session is written: `marshal`, in Base64, as activerecord-session_store does; `json`; `marshal-bytes`, as stores in Redis do. All of them are read.',
    ),
  keyHash: z
    .enum(['sha256', 'none'])
    .default('sha256')
    .describe(
      'Under which key the session of a cookie is stored: `2::` and its SHA-256; `none`: its value (before Rack 2.0.8).',
    ),
  scope: z
    .string()
    .regex(/^[a-z_]{1,64}$/)
    .default('user')
    .describe('The scope of Warden whose sessions are meant: Devise’s model in small letters.'),
  passwordColumn: z
    .string()
    .min(1)
    .default('encrypted_password')
    .describe('Which column of the stored password (`mapping.password`) is Devise’s `encrypted_password`.'),
  userField: userField().exactOptional(),
  userIs,
});

/** Rack's are 32 hex digits; stored keys, which have colons, must not work as cookies. */
const PUBLIC_ID = /^[A-Za-z0-9_-]{16,128}$/;
/** `authenticatable_salt`: bcrypt's version, cost and salt, or all of an encryptor's shorter salt. */
const SALT_LENGTH = 29;

export const rails = {
  settings,
  table: {
    table: 'sessions',
    key: 'session_id',
    data: 'data',
    time: { column: 'updated_at', means: 'last-used', unit: 'timestamp' },
    created: { column: 'created_at', unit: 'timestamp' },
  },
  open(given) {
    const warden = `warden.user.${given.scope}.key`;
    const path = given.userField === undefined ? [warden, '0', '0'] : pathOf(given.userField);
    const stored = (id: string) => (given.keyHash === 'none' ? id : `2::${hash('sha256', id, 'hex')}`);
    const saltOf = (columns: NewSession['passwordColumns']) => {
      const value = columns?.[given.passwordColumn];
      return typeof value === 'string' && value !== '' ? value.slice(0, SALT_LENGTH) : undefined;
    };
    const session = ({ person, passwordColumns, data }: NewSession): SessionMap => {
      const id = personValue(person, given.userIs);
      if (given.userField !== undefined) return withValueAt(data, path, id) as SessionMap;
      return { ...data, [warden]: [[id], saltOf(passwordColumns) ?? null] };
    };
    return {
      cookieName: '_session_id',
      keyOf: (cookie) => (PUBLIC_ID.test(cookie) ? stored(cookie) : undefined),
      newSession() {
        const cookie = randomBytes(16).toString('hex');
        return { cookie, key: stored(cookie) };
      },
      read(bytes) {
        const data = mapOf(bytes);
        if (!data) return undefined;
        const person = personText(valueAt(data, path));
        return { data, ...(person === undefined ? {} : { person }) };
      },
      write: (wanted) => WRITERS[given.serializer](session(wanted)),
      isBoundTo({ data }, columns) {
        // Only Devise binds sessions to passwords.
        if (given.userField !== undefined) return true;
        const [said, salt] = [valueAt(data, [warden, '1']), saltOf(columns)];
        return typeof said === 'string' && salt !== undefined && isSame(said, salt);
      },
    };
  },
} satisfies SessionFormat<typeof settings>;

const WRITERS = {
  marshal: (data: SessionMap) => Buffer.from(writeMarshal(data).toString('base64')),
  'marshal-bytes': writeMarshal,
  json: (data: SessionMap) => Buffer.from(JSON.stringify(data)),
};

/** Each way of writing begins in a way of its own. */
function mapOf(stored: Uint8Array): SessionMap | undefined {
  if (stored[0] === 0x7b) return readJsonMap(stored);
  const text = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength).toString('latin1');
  const bytes = stored[0] === 4 ? stored : base64(text.replaceAll('\n', ''));
  const value = bytes && readMarshal(bytes);
  return isMap(value) ? value : undefined;
}

const isMap = (value: unknown): value is SessionMap =>
  value !== null && typeof value === 'object' && !Array.isArray(value);
