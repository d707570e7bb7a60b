/** The messages of legacy apps to us, as they are checked and described. */
import { z } from 'zod';
import type { RouteDescription } from '../migration/json-routes.ts';
import { login, subject } from '../migration/schemas.ts';
import { sessionId } from './calls/session-reference.ts';
import { namesOnePerson, personOf, personShape, seconds, sessionShape } from './calls/told-session.ts';

const ERRORS = [
  'bad_request',
  'body_too_large',
  'unauthorized',
  'bad_signature',
  'replayed',
  'storage_unavailable',
] as const;

/** The signature covers only time and body, and each serves once. */
const id = {
  id: z
    .string()
    .regex(/^[\x21-\x7e]{1,64}$/)
    .exactOptional()
    .describe('Anything random: two calls of one second that say the same are otherwise one, and a replay.'),
};

export const redeemRequest = z.strictObject({
  ...id,
  token: z.string().min(1).max(256).describe('From the browser’s URL.'),
  session: sessionId
    .exactOptional()
    .describe('The app’s own id of the session that it makes now: then it can end alone.'),
  expiresAt: seconds.exactOptional().describe('Until when that session is good, in seconds since the epoch.'),
});
export const REDEEM: RouteDescription = {
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
    expiresAt: z.int().optional().describe('No session of this login is good after it.'),
    remember: z.boolean().optional().describe('The person wants to stay logged in on this device.'),
  }),
  errors: [...ERRORS, 'not_found'],
};

const state = z
  .string()
  .regex(/^[\x21-\x7e]{1,512}$/)
  .exactOptional()
  .describe('From the browser’s URL, where we have sent it to ask.');
export const offerRequest = z
  .strictObject({
    ...id,
    state,
    ...personShape,
    ...sessionShape,
    client: z
      .string()
      .regex(/^[\x21-\x7e]{1,128}$/)
      .exactOptional()
      .describe('Where the browser comes without our asking: the client to go on to.'),
  })
  .refine((offer) => offer.client === undefined || offer.state === undefined, {
    error: 'expected a state or a client',
  })
  .refine((offer) => namesOnePerson(offer) || (offer.state !== undefined && !personOf(offer)), {
    error: 'expected one of legacyId, username, sub; only an answer to a state may name nobody',
  });
export const OFFER: RouteDescription = {
  method: 'POST',
  path: '/legacy/sessions/offer',
  summary:
    'A legacy app says who is signed in there and gets the URL to send that browser to, good once and for a minute. An answer to `state` that names nobody says that nobody is.',
  scope: 'signature',
  request: offerRequest,
  response: z.object({ url: z.string() }),
  errors: [...ERRORS, 'insufficient_scope'],
};

const REASONS = ['logout', 'password_changed', 'deactivated'] as const;
export const endedRequest = z
  .strictObject({
    ...id,
    sub: subject.exactOptional(),
    legacyId: personShape.legacyId,
    username: login.exactOptional(),
    session: sessionId
      .exactOptional()
      .describe('The app’s own id of the session that ended; absent: all of theirs.'),
    reason: z
      .enum(REASONS)
      .default('logout')
      .describe('All but `logout` end everything that the person has.'),
  })
  .refine((ended) => namesOnePerson(ended) || (ended.session !== undefined && !personOf(ended)), {
    error: 'expected one of legacyId, username, sub; or a session alone',
  });
export const ENDED: RouteDescription = {
  method: 'POST',
  path: '/legacy/sessions/ended',
  summary:
    'A legacy app tells that a session has ended there, or all that a person has: what belongs to it here and elsewhere ends as well.',
  scope: 'signature',
  request: endedRequest,
  response: z.object({ ended: z.literal(true) }),
  errors: [...ERRORS, 'legacy_unavailable'],
};

export const usedRequest = z.strictObject({
  ...id,
  session: sessionId.describe('The app’s own id of the session.'),
  at: seconds.exactOptional().describe('When it was used, in seconds since the epoch; by default now.'),
});
export const USED: RouteDescription = {
  method: 'POST',
  path: '/legacy/sessions/used',
  summary:
    'A legacy app tells that a session was used there: ours lives on with it. `not_found`: it is not known here, or it is over.',
  scope: 'signature',
  request: usedRequest,
  response: z.object({ live: z.literal(true) }),
  errors: [...ERRORS, 'not_found'],
};

export const BACKCHANNEL: RouteDescription = {
  method: 'POST',
  path: '/legacy/sessions/backchannel',
  summary:
    'Takes logout tokens (OpenID Connect Back-Channel Logout 1.0, sent as a form) of legacy apps and of our own clients. Errors are of its section 2.8: 400 with `error`.',
  scope: 'signature',
  takesSignature: false,
  request: z.object({ logout_token: z.string().describe('A signed JWT of section 2.4.') }),
  response: z.object({}),
  errors: [],
};
