/** The part of ZITADEL's user API (v2) that an import uses, with its answers to duplicates and to hashes it refuses. */
import { timingSafeEqual } from 'node:crypto';
import type Router from '@koa/router';
import type { Context } from 'koa';
import { refusalOf } from './passwap.ts';
import type { Belongings, Link, TargetStore } from './target-store.ts';
import type { Profile } from './target-users.ts';
import { newUser } from './target-users.ts';
import { base32 } from './totp.ts';
import { readBody, tokenDigest, WebError } from './web.ts';

export interface ApiOptions {
  readonly store: TargetStore;
  readonly token: string;
}

/** gRPC's codes as the REST gateway writes them. */
const GRPC_CODES: Readonly<Record<number, number>> = { 400: 3, 401: 16, 404: 5, 409: 6 };

export function addApi(router: Router, { store, token }: ApiOptions): void {
  const guarded = (work: (ctx: Context) => Promise<object>) => async (ctx: Context) => {
    try {
      assertBearer(ctx.get('Authorization'), token);
      ctx.body = await work(ctx);
    } catch (error) {
      if (!(error instanceof WebError)) throw error;
      ctx.status = error.status;
      ctx.body = {
        code: GRPC_CODES[error.status] ?? 13,
        message: `${error.message} (${error.code})`,
        details: [
          { '@type': 'type.googleapis.com/zitadel.v1.ErrorDetail', id: error.code, message: error.message },
        ],
      };
    }
  };
  router.post(
    '/v2/users/human',
    guarded(async (ctx) => {
      const { id, profile, belongings, link } = readHuman(await readBody(ctx.req));
      const user = await store.create({ ...newUser(profile, 'import'), ...(id && { id }) }, belongings, link);
      ctx.status = 201;
      return { userId: user.id, details: { creationDate: user.created_at.toISOString() } };
    }),
  );
  router.get(
    '/v2/users/:id',
    guarded(async (ctx) => {
      const user = await store.userById((ctx as Context & { params: { id: string } }).params.id);
      if (!user) throw new WebError(404, 'QUERY-Dfbg2', 'User could not be found');
      return { user: { userId: user.id, state: 'USER_STATE_ACTIVE', username: user.username } };
    }),
  );
}

function assertBearer(header: string, token: string): void {
  const given = Buffer.from(tokenDigest(header.replace(/^Bearer /, '')));
  if (timingSafeEqual(given, Buffer.from(tokenDigest(token)))) return;
  throw new WebError(401, 'AUTH-7fs1e', 'Errors.Token.Invalid');
}

/** Unknown fields are ignored, as the REST gateway does. */
interface AddHumanUserRequest {
  userId?: string;
  username?: string;
  profile?: { givenName?: string; familyName?: string; displayName?: string; preferredLanguage?: string };
  email?: { email?: string; isVerified?: boolean };
  phone?: { phone?: string };
  hashedPassword?: { hash?: string };
  totpSecret?: string;
  idpLinks?: readonly { idpId?: string; userId?: string; userName?: string }[];
}

function readHuman(body: Buffer): { id?: string; profile: Profile; belongings: Belongings; link?: Link } {
  const request = parse(body);
  const { profile = {}, email = {} } = request;
  const username = request.username || email.email || '';
  const link = request.idpLinks?.[0];
  return {
    ...(request.userId && { id: request.userId }),
    profile: {
      username,
      givenName: profile.givenName ?? '',
      familyName: profile.familyName ?? '',
      ...(profile.displayName && { displayName: profile.displayName }),
      email: email.email ?? '',
      emailVerified: email.isVerified ?? false,
      ...(request.phone?.phone && { phone: request.phone.phone }),
      ...(profile.preferredLanguage && { locale: profile.preferredLanguage }),
    },
    belongings: belongingsOf(request),
    ...(link && { link: linkOf(link) }),
  };
}

function parse(body: Buffer): AddHumanUserRequest {
  try {
    return JSON.parse(body.toString('utf8')) as AddHumanUserRequest;
  } catch {
    throw new WebError(400, 'REST-body', 'The body is not JSON.');
  }
}

function belongingsOf({ hashedPassword, totpSecret }: AddHumanUserRequest): Belongings {
  const hash = hashedPassword?.hash;
  const refusal = hash === undefined ? undefined : refusalOf(hash);
  if (refusal) throw new WebError(400, refusal.code, refusal.message);
  if (totpSecret && !base32(totpSecret))
    throw new WebError(400, 'USER-totp', 'Errors.User.MFA.OTP.InvalidSecret');
  return {
    ...(hash && { passwordHash: hash, movedAt: new Date() }),
    ...(totpSecret && { totpSeed: totpSecret }),
  };
}

function linkOf({
  idpId = '',
  userId = '',
  userName = '',
}: {
  idpId?: string;
  userId?: string;
  userName?: string;
}): Link {
  if (!idpId || !userId || !userName)
    throw new WebError(400, 'IDP-link', 'IDPLink: idpId, userId and userName are required.');
  return { idpId, externalId: userId, userName };
}
