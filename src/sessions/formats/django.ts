/** Django: signed JSON in django_session, bound to the password and to SECRET_KEY. */
import { randomInt } from 'node:crypto';
import { z } from 'zod';
import { secret } from '../../settings.ts';
import type { DjangoDigest } from '../serialisation/django-signing.ts';
import { dumps, dumpsHashed, loads, loadsHashed, saltedHmac } from '../serialisation/django-signing.ts';
import { personText } from '../serialisation/fields.ts';
import { asciiJson, readJsonMap } from '../serialisation/json.ts';
import { isSame } from '../serialisation/signed-values.ts';
import type { NewSession, SessionFormat } from '../session-format.ts';

const settings = z.strictObject({
  secretKeys: z
    .array(secret)
    .min(1)
    .max(8)
    .describe('SECRET_KEY, and after it SECRET_KEY_FALLBACKS: the first signs, all of them open.'),
  backend: z
    .string()
    .min(1)
    .default('django.contrib.auth.backends.ModelBackend')
    .describe('The one of AUTHENTICATION_BACKENDS that finds the person of a new session.'),
  passwordColumn: z
    .string()
    .min(1)
    .default('password')
    .describe('Which column of the stored password (`mapping.password`) is the user model’s `password`.'),
  version: z
    .enum(['since-3.1', 'before-3.1'])
    .default('since-3.1')
    .describe('`before-3.1`: an older Django, which has another format, with SHA-1.'),
  engine: z
    .string()
    .regex(/^\w{1,128}$/)
    .default('SessionStore')
    .describe('The class of the session engine: all of Django’s own are called SessionStore.'),
});

const PERSON = '_auth_user_id';
const BACKEND = '_auth_user_backend';
const PASSWORD_HASH = '_auth_user_hash';
const PASSWORD_SALT = 'django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash';
const VERSIONS = {
  'since-3.1': { prefix: 'django.contrib.sessions.', read: loads, write: dumps, digest: 'sha256' },
  'before-3.1': {
    prefix: 'django.contrib.sessions',
    read: loadsHashed,
    write: dumpsHashed,
    digest: 'sha1',
  },
} as const;
const KEY = /^[a-z0-9]{8,40}$/;
const KEY_CHARACTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

export const django = {
  settings,
  table: {
    table: 'django_session',
    key: 'session_key',
    data: 'session_data',
    time: { column: 'expire_date', means: 'expires', unit: 'timestamp' },
  },
  open({ secretKeys, backend, passwordColumn, version, engine }) {
    const { prefix, read, write, digest } = VERSIONS[version];
    const keys = { salt: prefix + engine, secrets: secretKeys.map((key) => key.reveal()) };
    const passwordHashes = (columns: NewSession['passwordColumns']) => {
      const value = columns?.[passwordColumn];
      return typeof value === 'string'
        ? keys.secrets.map((secret) => passwordHash({ value, secret, digest }))
        : [];
    };
    return {
      cookieName: 'sessionid',
      keyOf: (cookie) => (KEY.test(cookie) ? cookie : undefined),
      newSession() {
        const key = Array.from({ length: 32 }, () => KEY_CHARACTERS[randomInt(KEY_CHARACTERS.length)]).join(
          '',
        );
        return { key, cookie: key };
      },
      read(stored) {
        const plain = read(stored, keys);
        const data = plain && readJsonMap(plain);
        if (!data) return undefined;
        const person = personText(data[PERSON]);
        return { data, ...(person === undefined ? {} : { person }) };
      },
      isBoundTo({ data }, columns) {
        const said = data[PASSWORD_HASH];
        return typeof said === 'string' && passwordHashes(columns).some((hash) => isSame(hash, said));
      },
      write({ person, passwordColumns, data, startedAt }) {
        const [hash] = passwordHashes(passwordColumns);
        const session = {
          ...data,
          [PERSON]: person,
          [BACKEND]: backend,
          ...(hash === undefined ? {} : { [PASSWORD_HASH]: hash }),
        };
        return Buffer.from(write(asciiJson(session), keys, { at: startedAt }));
      },
    };
  },
} satisfies SessionFormat<typeof settings>;

const passwordHash = (of: { value: string; secret: string; digest: DjangoDigest }) =>
  saltedHmac({ salt: PASSWORD_SALT, ...of }).toString('hex');
