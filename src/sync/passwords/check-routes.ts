/**
 * Whether a password is somebody's, for legacy apps with a login form of their own: their hash may be older than what the person
 * has chosen at a target. The same limits and the same comparison as at our login page.
 */
import { isIP } from 'node:net';
import Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import { readBody } from '../../body.ts';
import { FootbridgeError } from '../../errors.ts';
import { leaving } from '../../leaving.ts';
import type { RouteDescription } from '../../migration/json-routes.ts';
import { parseInput, parseJson, problems } from '../../migration/json-routes.ts';
import type { ProvePassword } from '../../migration/moving/mover.ts';
import { subject } from '../../migration/schemas.ts';
import type { Db } from '../../store/db.ts';
import type { TellingDeps } from '../intake/caller.ts';
import { authenticate, challenge, SCOPE } from '../intake/caller.ts';

const text = z
  .string()
  .min(1)
  .max(1_024)
  .refine((value) => !value.includes('\0') && value.isWellFormed(), { error: 'expected text' });
const checkRequest = z
  .strictObject({
    login: text.optional().describe('As the person typed it.'),
    user: text.optional().describe('Or the id in the legacy store, with or without its prefix.'),
    store: z.string().max(255).optional().describe('Whose id it is, where there are several stores.'),
    password: z.string().describe('As the person typed it.'),
    address: z.string().max(64).optional().describe('Where it was typed: an IP address, for the limits.'),
  })
  .refine(({ login, user }) => (login === undefined) !== (user === undefined), {
    error: 'expected login or user',
  });
const checkAnswer = z.object({
  ok: z.literal(true),
  user: z.object({ sub: subject, legacyId: z.string().describe('The id in the legacy store.') }),
});

const CHECK: RouteDescription = {
  method: 'POST',
  path: '/legacy/passwords/check',
  summary:
    'Whether this is the person’s password now, also where a target has a newer one than the legacy store. A second factor is the caller’s to ask for.',
  scope: SCOPE,
  request: checkRequest,
  response: checkAnswer,
  errors: [
    'bad_request',
    'body_too_large',
    'unauthorized',
    'bad_signature',
    'replayed',
    'insufficient_scope',
    'wrong_password',
    'user_disabled',
    'throttled',
    'hashing_overloaded',
    'legacy_unavailable',
    'target_unavailable',
    'storage_unavailable',
  ],
};

/** For the API's description. */
export const passwordCheckOperations: readonly RouteDescription[] = [CHECK];

export interface PasswordCheckDeps extends TellingDeps {
  readonly db: Db;
  readonly provePassword: ProvePassword;
  /** The subject of an id of a store's, with or without prefix; undefined for what is none, or could be of several. */
  readonly subjectOf: (user: string, store: string | undefined) => string | undefined;
  /** Told of errors that are ours. */
  readonly onError: (error: unknown, where: string) => void;
}

export function passwordCheckRoutes(deps: PasswordCheckDeps): Router {
  const router = new Router();
  const guarded = problems({
    onError: deps.onError,
    // A wrong password is not the caller's: RFC 9110 section 11.6.1 wants a challenge, and a token is none.
    challenge: (error, ctx) =>
      error.code === 'wrong_password' ? 'FormBased' : challenge(error, ctx.req.headers),
  });
  router.post(CHECK.path, guarded, async (ctx) => {
    const body = await readBody(ctx.req);
    const take = await authenticate(deps, { headers: ctx.req.headers, body });
    await take();
    ctx.body = await check(deps, parseInput(checkRequest, parseJson(body)), leaving(ctx as Context));
  });
  return router;
}

async function check(
  { db, provePassword, subjectOf }: PasswordCheckDeps,
  { login, user, store, password, address = '' }: z.output<typeof checkRequest>,
  signal: AbortSignal,
): Promise<z.output<typeof checkAnswer>> {
  // An id of nobody is tried as well: it takes as long as a wrong password.
  const who = user === undefined ? { login: login! } : { sub: subjectOf(user, store) ?? user };
  const network = `legacy-${isIP(address) > 0 ? address : Object.values(who)[0]}`;
  const proof = await provePassword({ ...who, password, network, signal });
  switch (proof.kind) {
    case 'throttled':
      throw new FootbridgeError('throttled', { retryAfterSeconds: proof.waitSeconds });
    case 'disabled':
      throw new FootbridgeError('user_disabled');
    case 'wrong':
      throw new FootbridgeError('wrong_password');
    case 'proved': {
      if (proof.writes.length > 0) await db.runParts(proof.writes, 'select 1');
      const { sub, legacyId } = proof.entry.user;
      return { ok: true, user: { sub, legacyId } };
    }
  }
}
