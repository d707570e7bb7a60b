/** What every JSON route of ours shares: its description, checked input, and problem documents for errors. */
import type { Context, Middleware } from 'koa';
import type { z } from 'zod';
import { foreignJson } from '../body.ts';
import type { ErrorCode } from '../errors.ts';
import { FootbridgeError, problem } from '../errors.ts';

/** One operation as the API's description shows it. */
export interface RouteDescription {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** With `:parameters`. */
  readonly path: string;
  readonly summary: string;
  /** The scope an access token needs, or `signature` where only a signature opens. */
  readonly scope: string;
  /** False where a signature does not open it, though it is no GET. */
  readonly takesSignature?: boolean;
  readonly parameters?: z.ZodObject;
  readonly request?: z.ZodType;
  readonly response: z.ZodType;
  /** Of the answer; 200 when absent. */
  readonly status?: 202;
  readonly errors: readonly ErrorCode[];
}

/** A request that does not have the described shape; says where, never what it held. */
export class InvalidInput extends FootbridgeError {
  readonly errors: readonly { readonly pointer: string; readonly detail: string }[];

  constructor(issues: readonly z.core.$ZodIssue[]) {
    super('bad_request');
    this.errors = issues.map((issue) => ({
      pointer: ['#', ...issue.path].join('/'),
      // zod's sentence would repeat the unknown name, which the caller chose.
      detail: issue.code === 'unrecognized_keys' ? 'there is an unknown member' : issue.message,
    }));
  }
}

/** Throws InvalidInput. */
export function parseInput<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value);
  if (!result.success) throw new InvalidInput(result.error.issues);
  return result.data;
}

/** No body at all is an empty object. Throws bad_request for what is not JSON in UTF-8 (RFC 8259 section 8.1). */
export function parseJson(body: Uint8Array): unknown {
  if (body.length === 0) return {};
  try {
    return foreignJson(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    // The parser's sentence quotes the body: it goes nowhere.
    throw new FootbridgeError('bad_request', { detail: 'the body is not JSON' });
  }
}

export interface ProblemOptions {
  /** Told of errors that are ours. */
  readonly onError: (error: unknown, where: string) => void;
  /** The WWW-Authenticate header that goes with an error, if any. */
  readonly challenge?: (error: FootbridgeError, ctx: Context) => string | undefined;
}

/** Answers errors as problem documents (RFC 9457), and keeps every answer out of caches. */
export function problems({ onError, challenge }: ProblemOptions): Middleware {
  return async (ctx, next) => {
    ctx.set('Cache-Control', 'no-store');
    try {
      await next();
    } catch (thrown) {
      const error =
        thrown instanceof FootbridgeError ? thrown : new FootbridgeError('internal', { cause: thrown });
      if (error.status >= 500) onError(thrown, ctx.path);
      const authenticate = challenge?.(error, ctx);
      if (authenticate) ctx.set('WWW-Authenticate', authenticate);
      if (error.retryAfterSeconds !== undefined) ctx.set('Retry-After', String(error.retryAfterSeconds));
      // The rest of a body that is too large is not worth reading.
      if (error.code === 'body_too_large') ctx.set('Connection', 'close');
      ctx.status = error.status;
      ctx.body = { ...problem(error), ...(error instanceof InvalidInput ? { errors: error.errors } : {}) };
      ctx.type = 'application/problem+json';
    }
  };
}
