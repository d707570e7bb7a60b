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

/**
 * A secret in the config: text (best through `${ENV_NAME}`), or `{ file: /path }`, whose trailing newline is cut.
 * The file is read when the config is loaded.
 */
export const secret = z
  .union([z.string().min(1), z.strictObject({ file: z.string().min(1) })])
  .transform((value, context) => {
    if (typeof value === 'string') return new Secret(value);
    try {
      return new Secret(readFileSync(value.file, 'utf8').replace(/\r?\n$/, ''));
    } catch (error) {
      context.addIssue({
        code: 'custom',
        message: `cannot read the secret file ${value.file}: ${(error as NodeJS.ErrnoException).code}`,
      });
      return z.NEVER;
    }
  });

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
