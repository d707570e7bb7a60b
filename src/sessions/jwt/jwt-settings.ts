/** Settings of apps whose session is a signed token in the browser. */
import { z } from 'zod';
import { count, httpUrl, secret } from '../../settings.ts';
import { timeoutMs } from '../calls/app-calls.ts';
import { cookieName, cookieProblem, cookieSettings } from '../cookie-relay.ts';
import { commonSettings, optionalKeys } from '../legacy-app.ts';
import { SIGNING_ALGORITHMS, signingProblem } from './jwt-signing.ts';

const DAY = 86_400;
/** RFC 7518 section 3.2: as long as the hash. */
export const SHARED_KEY_BYTES = 32;
/** RFC 9110 section 5.6.2. */
const headerName = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/, {
  error: 'expected a name of letters, digits and hyphens',
});
const one = (...values: unknown[]) => values.filter((value) => value !== undefined).length === 1;

const publicKey = z
  .record(z.string(), z.unknown())
  .refine((jwk) => jwk.d === undefined && jwk.kty !== 'oct', { error: 'expected public keys, without "d"' });

const createSettings = z.strictObject({
  key: secret
    .exactOptional()
    .describe(
      'The private key as JWK (RFC 7517), or a shared key of at least 32 bytes; by default the shared `key`. The app has to take what it signs.',
    ),
  alg: z
    .enum(SIGNING_ALGORITHMS)
    .exactOptional()
    .describe('The algorithm (RFC 7518 section 3.1); by default the key’s own, RS256 or HS256.'),
  lifetimeSeconds: count(60, 30 * DAY, 8 * 3_600).describe('How long a token is good.'),
});

export const jwtCookieSettings = z
  .strictObject({
    kind: z
      .literal('jwt-cookie')
      .describe('The app’s session is a signed token (RFC 7519); nothing is stored.'),
    ...commonSettings,
    ...optionalKeys,
    cookie: cookieName.exactOptional().describe('The cookie it comes in, on a domain that we share.'),
    header: headerName
      .exactOptional()
      .describe(
        'The request header it comes in, set by a proxy in front of us that takes it from everybody else.',
      ),
    jwksUri: httpUrl.exactOptional().describe('Where its public keys are.'),
    jwks: z
      .strictObject({ keys: z.array(publicKey).min(1).max(16) })
      .exactOptional()
      .describe('Its public keys.'),
    key: secret
      .refine((value) => Buffer.byteLength(value.reveal()) >= SHARED_KEY_BYTES, {
        error: `a shared key has at least ${SHARED_KEY_BYTES} bytes`,
      })
      .exactOptional()
      .describe('The shared key it is signed with (HS256, HS384, HS512).'),
    issuer: z.string().min(1).describe('Its `iss`, exactly.'),
    audience: z.string().min(1).describe('Its `aud`: a token made for something else says nothing here.'),
    subjectClaim: z
      .string()
      .regex(/^(?!(?:iss|aud|exp|iat|nbf|jti|sid|amr|auth_time)$).{1,64}$/)
      .default('sub')
      .describe('The claim that names the person, as `identifies` says.'),
    iatIsAuthTime: z
      .boolean()
      .default(false)
      .describe(
        'The app makes a token at a login and never anew: then `iat` says when that was, where there is no `auth_time`.',
      ),
    create: createSettings
      .exactOptional()
      .describe('Whoever logs in here gets a token as well; needs `cookie`.'),
    ...cookieSettings,
    revokeUrl: httpUrl
      .exactOptional()
      .describe(
        'Where the app keeps a list of tokens that are no longer good: called with POST and a signed JSON body.',
      ),
    timeoutMs,
  })
  .superRefine((app, context) => {
    const fail = (at: string, message: string) => context.addIssue({ code: 'custom', path: [at], message });
    if (!one(app.cookie, app.header)) fail('cookie', 'expected a cookie or a header');
    if (!one(app.jwksUri, app.jwks, app.key)) fail('key', 'expected one of jwksUri, jwks, key');
    if (app.revokeUrl && app.keys.length === 0) fail('keys', 'revokeUrl needs a key to sign the call with');
    if (app.create && !app.cookie) fail('create', 'a token can only be given to a browser as a cookie');
    const problem = app.create && signingProblem(app.create.key ?? app.key, app.create.alg);
    if (problem) fail('create', problem);
    const wrong = app.cookie && cookieProblem([app.cookie], app);
    if (wrong) fail(wrong.at === 'name' ? 'cookie' : wrong.at, wrong.message);
  });
export type JwtCookieSettings = z.output<typeof jwtCookieSettings>;
