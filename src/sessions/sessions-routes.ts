/** What legacy apps call, each with its own signature: redeeming a hand-over, and telling that a session has ended. */
import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import { z } from 'zod';
import { readBody } from '../body.ts';
import { FootbridgeError } from '../errors.ts';
import type { RouteDescription } from '../migration/json-routes.ts';
import { parseInput, parseJson, problems } from '../migration/json-routes.ts';
import { subject } from '../migration/schemas.ts';
import { SIGNATURE_HEADER } from '../migration/signature.ts';
import type { SignedCallDeps } from '../migration/signed-calls.ts';
import { signatureHeader, takeSignedCall } from '../migration/signed-calls.ts';
import { redeemHandOver } from './hand-overs.ts';
import type { LegacySessionSettings } from './legacy-session-settings.ts';

const ERRORS = [
  'bad_request',
  'body_too_large',
  'unauthorized',
  'bad_signature',
  'replayed',
  'storage_unavailable',
] as const;

const redeemRequest = z.strictObject({
  token: z.string().min(1).max(256).describe('From the browser’s URL.'),
});
const REDEEM: RouteDescription = {
  method: 'POST',
  path: '/legacy/sessions/redeem',
  summary:
    'A legacy app redeems the one-time token a browser brought, makes its session and sends the browser to `returnTo`.',
  scope: 'signature',
  request: redeemRequest,
  response: z.object({
    sub: subject,
    legacyId: z.string(),
    username: z.string().optional(),
    authTime: z.int().describe('Seconds since the epoch.'),
    amr: z.array(z.string()).describe('RFC 8176 values.'),
    returnTo: z.string(),
  }),
  errors: [...ERRORS, 'not_found'],
};

const endedRequest = z.strictObject({ sub: subject });
const ENDED: RouteDescription = {
  method: 'POST',
  path: '/legacy/sessions/ended',
  summary: 'A legacy app tells that the user logged out there: our sessions of that user end as well.',
  scope: 'signature',
  request: endedRequest,
  response: z.object({ ended: z.literal(true) }),
  errors: ERRORS,
};

/** For the API's description. */
export const sessionOperations: readonly RouteDescription[] = [REDEEM, ENDED];

export interface SessionsRoutesDeps extends SignedCallDeps {
  readonly apps: LegacySessionSettings;
  /** Ends every provider session of this user; `app` asked for it. */
  readonly endSessions: (sub: string, app: string) => Promise<void>;
  readonly onError: (error: unknown, where: string) => void;
}

export function sessionsRoutes(deps: SessionsRoutesDeps): Router {
  const router = new Router();
  const route = (
    { method, path }: RouteDescription,
    work: (input: unknown, app: string) => Promise<unknown>,
  ) => router.register(path, [method], [problems(deps), signed(deps, work)]);

  route(REDEEM, async (input, app) => {
    const { token } = parseInput(redeemRequest, input);
    const login = await redeemHandOver(deps.db, { app, token });
    if (!login) throw new FootbridgeError('not_found', { detail: 'unknown, used or expired hand-over' });
    return login;
  });
  route(ENDED, async (input, app) => {
    const { sub } = parseInput(endedRequest, input);
    await deps.endSessions(sub, app);
    return { ended: true };
  });
  return router;
}

/** The app is known by the key that signed. */
function signed(
  deps: SessionsRoutesDeps,
  work: (input: unknown, app: string) => Promise<unknown>,
): Middleware {
  const owners = deps.apps.flatMap((app) =>
    app.keys.map(({ id, key }) => ({ app: app.name, id: `${app.name}/${id}`, key })),
  );
  return async (ctx: Context) => {
    const body = await readBody(ctx.req);
    const header = signatureHeader(ctx.req.headers, [SIGNATURE_HEADER]);
    if (header === undefined) throw new FootbridgeError('unauthorized');
    const keyId = await takeSignedCall(deps, { header, body }, owners);
    const owner = owners.find(({ id }) => id === keyId)!;
    ctx.body = await work(parseJson(body), owner.app);
  };
}
