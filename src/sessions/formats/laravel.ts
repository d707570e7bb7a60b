/** Laravel's database, cache and Redis sessions: an encrypted cookie, and PHP's or JSON's data in the store. */
import { createHmac, hash, randomInt } from 'node:crypto';
import { z } from 'zod';
import { base64 } from '../../credentials/encoding.ts';
import { secret } from '../../settings.ts';
import type { SessionMap } from '../serialisation/fields.ts';
import { personText, personValue, userIs } from '../serialisation/fields.ts';
import { readJsonMap } from '../serialisation/json.ts';
import type { LaravelKeys } from '../serialisation/laravel-encryption.ts';
import { laravelDecrypt, laravelEncrypt, laravelKey } from '../serialisation/laravel-encryption.ts';
import { serialize, unserialize, unserializeMap } from '../serialisation/php-serialize.ts';
import { decodedCookie, isSame } from '../serialisation/signed-values.ts';
import type { SessionFormat } from '../session-format.ts';

const settings = z
  .strictObject({
    appKeys: z
      .array(secret)
      .min(1)
      .max(8)
      .describe(
        'APP_KEY, `base64:` and all, and after it APP_PREVIOUS_KEYS: the first encrypts, all of them open.',
      ),
    cipher: z
      .enum(['aes-256-cbc', 'aes-128-cbc', 'aes-256-gcm', 'aes-128-gcm'])
      .default('aes-256-cbc')
      .describe('`app.cipher`.'),
    cookieName: z
      .string()
      .min(1)
      .default('laravel_session')
      .describe('`session.cookie`: the name is a part of what is encrypted.'),
    driver: z
      .enum(['database', 'cache'])
      .default('database')
      .describe('`session.driver`: `database`, or `cache` for redis, memcached and the like.'),
    serializer: z.enum(['php', 'json']).default('php').describe('`session.serialization`.'),
    encrypt: z.boolean().default(false).describe('`session.encrypt`.'),
    guard: z
      .string()
      .regex(/^\w{1,64}$/)
      .default('web')
      .describe('The guard that people are signed in with.'),
    passwordColumn: z
      .string()
      .min(1)
      .default('password')
      .describe('Which column of the stored password (`mapping.password`) is the model’s `password`.'),
    passwordHash: z
      .enum(['plain', 'keyed', 'none'])
      .default('plain')
      .describe(
        'How a new session is bound to the password, for the middleware AuthenticateSession: `plain`, the stored hash, which every Laravel reads; `keyed`, its HMAC, for those that write it so themselves; `none`: bound at the first request.',
      ),
    userIs,
  })
  .superRefine(({ appKeys, cipher }, context) => {
    if (appKeys.some((key) => !laravelKey(key.reveal(), cipher)))
      context.addIssue({ code: 'custom', path: ['appKeys'], message: `expected keys of ${cipher}` });
  });

const ID = /^[A-Za-z0-9]{40}$/;
const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const random40 = () => Array.from({ length: 40 }, () => LETTERS[randomInt(LETTERS.length)]).join('');

export const laravel = {
  settings,
  table: {
    table: 'sessions',
    key: 'id',
    data: 'payload',
    time: { column: 'last_activity', means: 'last-used', unit: 'seconds' },
    person: 'user_id',
  },
  open(given) {
    const keys = given.appKeys.map((key) => laravelKey(key.reveal(), given.cipher)!);
    const encryption = { cipher: given.cipher, keys };
    const login = `login_${given.guard}_${hash('sha1', 'Illuminate\\Auth\\SessionGuard', 'hex')}`;
    const passwordHash = `password_hash_${given.guard}`;
    /** APP_KEY as it is written, `base64:` and all. */
    const keyed = (value: string) =>
      createHmac('sha256', given.appKeys[0]!.reveal()).update(value).digest('hex');
    const password = (columns: Readonly<Record<string, unknown>> | undefined) => {
      const value = columns?.[given.passwordColumn];
      return typeof value === 'string' && value !== '' ? value : undefined;
    };
    return {
      cookieName: given.cookieName,
      keyOf: (cookie) => idOf(cookie, given.cookieName, encryption),
      newSession() {
        const key = random40();
        const cookie = laravelEncrypt(prefix(given.cookieName, keys[0]!) + key, encryption);
        return { key, cookie: encodeURIComponent(cookie) };
      },
      read(stored) {
        const data = unpacked(stored, given, encryption);
        if (!data) return undefined;
        const person = personText(data[login]);
        return { data, ...(person === undefined ? {} : { person }) };
      },
      write(session) {
        const value = password(session.passwordColumns);
        const bound = { plain: value, keyed: value && keyed(value), none: undefined }[given.passwordHash];
        const data = {
          _token: random40(),
          ...session.data,
          [login]: personValue(session.person, given.userIs),
          ...(bound === undefined ? {} : { [passwordHash]: bound }),
          _flash: { old: [], new: [] },
        };
        return Buffer.from(packed(data, given, encryption));
      },
      isBoundTo({ data }, columns) {
        const [said, value] = [data[passwordHash], password(columns)];
        // Without the middleware Laravel binds nothing.
        if (said === undefined) return true;
        if (typeof said !== 'string' || value === undefined) return false;
        return isSame(said, keyed(value)) || isSame(said, value);
      },
    };
  },
} satisfies SessionFormat<typeof settings>;

/** `CookieValuePrefix`: a value of one cookie is none of another. */
const prefix = (cookieName: string, key: Buffer) =>
  `${createHmac('sha1', key).update(`${cookieName}v2`).digest('hex')}|`;

function idOf(cookie: string, name: string, encryption: LaravelKeys): string | undefined {
  const value = decodedCookie(cookie);
  const plain = value && laravelDecrypt(value, encryption);
  if (!plain) return undefined;
  const [before, id] = [plain.slice(0, -40), plain.slice(-40)];
  const isOfCookie = encryption.keys.some((key) => isSame(prefix(name, key), before));
  return isOfCookie && ID.test(id) ? id : undefined;
}

type Packing = Pick<z.output<typeof settings>, 'driver' | 'serializer' | 'encrypt'>;

/** The layers of a stored session: data, encryption if any, and the store's own. */
function packed(data: SessionMap, { driver, serializer, encrypt }: Packing, encryption: LaravelKeys): string {
  const plain = serializer === 'json' ? JSON.stringify(data) : serialize(data);
  const text = encrypt ? laravelEncrypt(serialize(plain), encryption) : plain;
  return driver === 'database' ? Buffer.from(text).toString('base64') : serialize(text);
}

function unpacked(stored: Uint8Array, packing: Packing, encryption: LaravelKeys): SessionMap | undefined {
  const text = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const bytes = packing.driver === 'database' ? base64(text.toString('latin1')) : bytesOf(unserialize(text));
  const plain = packing.encrypt && bytes ? decrypted(bytes, encryption) : bytes;
  return plain && (packing.serializer === 'json' ? readJsonMap(plain) : unserializeMap(plain));
}

const bytesOf = (value: unknown) => (typeof value === 'string' ? Buffer.from(value) : undefined);

function decrypted(bytes: Buffer, encryption: LaravelKeys): Buffer | undefined {
  const plain = laravelDecrypt(bytes.toString('latin1'), encryption);
  return plain === undefined ? undefined : bytesOf(unserialize(Buffer.from(plain)));
}
