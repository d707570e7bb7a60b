/**
 * What the settings of every room are made of. Each room exports one zod schema with a default and a sentence
 * per setting; `config.ts` assembles them. Secrets are never plain strings: they print `[secret]`.
 */
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { z } from 'zod';

/** A value that cannot be printed by accident. `reveal()` is the only way to it. */
export class Secret {
  readonly #value: string;
  constructor(value: string) {
    this.#value = value;
  }
  reveal(): string {
    return this.#value;
  }
  toString(): string {
    return '[secret]';
  }
  toJSON(): string {
    return '[secret]';
  }
  [inspect.custom](): string {
    return '[secret]';
  }
}

/** Why a file that the configuration names cannot be read. */
const UNREAD: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'it may not be read',
  EISDIR: 'it is a folder',
};
export const whyUnread = (error: unknown): string => {
  const { code = '' } = error as NodeJS.ErrnoException;
  return UNREAD[code] ?? code;
};

const empty = 'is empty: is the environment variable or file that it comes from empty?';
/**
 * A secret in the config: text (best through `${ENV_NAME}`), or `{ file: /path }`, whose trailing newline is cut.
 * The file is read when the config is loaded.
 */
export const secret = z
  .union([z.string().min(1, { error: empty }), z.strictObject({ file: z.string().min(1) })])
  .transform((value, context) => {
    if (typeof value === 'string') return new Secret(value);
    try {
      const text = readFileSync(value.file, 'utf8').replace(/\r?\n$/, '');
      if (text) return new Secret(text);
      context.addIssue({ code: 'custom', message: empty });
      return z.NEVER;
    } catch (error) {
      context.addIssue({
        code: 'custom',
        message: `cannot read the secret file ${value.file}: ${whyUnread(error)}`,
      });
      return z.NEVER;
    }
  });

/** Where a PostgreSQL is, as its driver reads it: sockets too, by `?host=/run/…` or as a path. */
export const postgresUrl = secret.refine((url) => isPostgresUrl(url.reveal()), {
  error:
    'expected postgres://user:password@host:5432/database; in the password # % @ / are written %23 %25 %40 %2F',
});

export function isPostgresUrl(text: string): boolean {
  if (text.startsWith('/')) return true;
  if (!/^(?:postgres(?:ql)?:\/\/|socket:)/i.test(text)) return false;
  try {
    // As in pg-connection-string: what is no escape is escaped, and a host may be left out.
    const isRaw = / |%[^a-f0-9]|%[a-f0-9][^a-f0-9]/i.test(text);
    const escaped = isRaw ? encodeURI(text).replace(/%25(\d\d)/g, '%$1') : text;
    const url = URL.parse(escaped) ?? new URL(escaped.replace('@/', '@nowhere/'));
    for (const part of [url.username, url.password, url.hostname, url.pathname]) decodeURIComponent(part);
    // The end of a password that was not escaped.
    return url.hash === '';
  } catch {
    return false;
  }
}

/** An absolute http(s) URL without credentials or fragment. */
export const httpUrl = z.string().refine(
  (text) => {
    try {
      const url = new URL(text);
      return /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.hash;
    } catch {
      return false;
    }
  },
  { error: 'expected an absolute http(s) URL without user name or fragment' },
);

/** A URL's origin: scheme, host and port, nothing after. */
export const httpOrigin = httpUrl
  .refine((text) => !URL.canParse(text) || new URL(text).origin === text.replace(/\/$/, ''), {
    error: 'expected scheme, host and port only, like https://id.example.com',
  })
  .transform((text) => new URL(text).origin);

/** A whole number within bounds, with its default. */
export const count = (min: number, max: number, fallback: number) =>
  z.int().min(min).max(max).default(fallback);

/** All of a request's body, on every listener: nothing we accept is larger. */
export const BODY_BYTES = 64 * 1024;
