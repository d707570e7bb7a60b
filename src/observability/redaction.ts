/** Cuts what is called like a secret out of what is about to be logged, wherever in it and however it is spelled. */

import { lately } from '../lately.ts';

/** In small letters, without `-` and `_`. Whatever ends so is one too: `clientSecret`, `refresh_token`, `X-Api-Key`. */
export const SECRET_ENDINGS = [
  'password',
  'passphrase',
  'secret',
  'token',
  'cookie',
  'cookies',
  'authorization',
  'ticket',
  'totp',
  'otp',
  'seed',
  'hash',
  'assertion',
  'apikey',
  'masterkey',
  'privatekey',
  'verifier',
  'dpop',
  'credential',
  'credentials',
  // It may have a user name, a password or a query in it.
  'url',
  'uri',
  'dsn',
  'connectionstring',
] as const;
/** Only as the whole name: `errorCode` and `statusCode` are what an operator looks for. */
export const SECRET_NAMES = ['code', 'pw', 'pin', 'state', 'nonce', 'query', 'body'] as const;
/** Deeper than anything that is logged on purpose. */
const DEPTH = 6;
const CUT = '[secret]';

const ENDS = new RegExp(`(?:${SECRET_ENDINGS.join('|')})$`);
const WHOLE: ReadonlySet<string> = new Set(SECRET_NAMES);

/** Names are from the code, or from a table of somebody's: a few hundred at most are asked for again and again. */
const judged = lately<boolean>(1_000);
function isSecret(name: string): boolean {
  const before = judged.get(name);
  if (before !== undefined) return before;
  const found = endsLikeOne(name);
  judged.set(name, found);
  return found;
}

const endsLikeOne = (name: string): boolean => {
  const plain = name.toLowerCase().replaceAll(/[-_]/g, '');
  return WHOLE.has(plain) || ENDS.test(plain);
};

export const withoutSecrets = (fields: Record<string, unknown>): Record<string, unknown> =>
  cutFrom(fields, DEPTH);

function cutFrom(fields: Record<string, unknown>, depth: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, isSecret(name) ? CUT : cut(value, depth - 1)]),
  );
}

function cut(value: unknown, depth: number): unknown {
  // Errors are written field by field by the serializer of the log.
  if (typeof value !== 'object' || value === null || value instanceof Error) return value;
  if (depth <= 0) return CUT;
  if (Array.isArray(value)) return value.map((one) => cut(one, depth - 1));
  // What knows how to write itself does so: a date, a secret.
  return 'toJSON' in value ? value : cutFrom(value as Record<string, unknown>, depth);
}
