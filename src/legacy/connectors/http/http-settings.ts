/** Settings of the HTTP connector: where the API is, who we are there, and what to ask it. */
import { z } from 'zod';
import { count, httpUrl, secret } from '../../../settings.ts';
import { httpApply } from './apply-settings.ts';
import { READING, requestWith, statuses } from './request-settings.ts';
import { holesIn, textsIn } from './template.ts';
import { httpWrites } from './write-settings.ts';

const path = z.string().min(1).max(128);
/** Each is one more request per login. */
const MAX_LOOKUPS = 3;
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

const at = {
  at: z
    .string()
    .max(256)
    .default('')
    .describe('Where the record, or the list of them, stands in the answer: names with dots between.'),
};

const clientCredentials = z
  .strictObject({
    tokenUrl: httpUrl.describe('The token endpoint.'),
    clientId: z.string().min(1).describe('Who we are.'),
    clientSecret: secret.describe('Our secret.'),
    method: z
      .enum(['basic', 'post'])
      .default('basic')
      .describe('How the secret is sent: client_secret_basic or client_secret_post.'),
    scope: z.string().min(1).optional().describe('Scopes, with blanks between.'),
    parameters: z
      .record(z.string(), z.string())
      .default({})
      .describe('Further parameters, such as `audience` or `resource`.'),
  })
  .describe('OAuth 2.0 client credentials (RFC 6749 section 4.4).');

const authorization = z
  .strictObject({
    basic: z
      .strictObject({ user: z.string().min(1).describe('User.'), password: secret.describe('Password.') })
      .optional()
      .describe('HTTP Basic (RFC 7617).'),
    bearer: secret.optional().describe('A token that does not expire (RFC 6750).'),
    clientCredentials: clientCredentials.optional(),
  })
  .refine((one) => Object.values(one).filter(Boolean).length === 1, {
    error: 'expected one of basic, bearer, clientCredentials',
  });
export type AuthorizationSettings = z.output<typeof authorization>;

const lookup = requestWith(READING, { names: ['login'] }, at);
const pageRequest = requestWith(
  READING,
  { names: ['after', 'limit', 'offset', 'page'] },
  {
    ...at,
    next: path
      .optional()
      .describe(
        'Where the answer says what the next page’s {after} is. Without it, {after} is the last user’s id, unless the request has {offset} or {page}.',
      ),
    size: count(1, 1_000, 100).describe('Users per page: {limit}.'),
  },
);
const verifyRequest = requestWith(
  READING,
  { names: ['id', 'user.…'], hidden: ['password'] },
  {
    wrong: statuses
      .default([401, 403, 404, 422])
      .describe('Statuses that say: a wrong password. Every other that is no 2xx is an outage.'),
    verdict: path
      .optional()
      .describe('Where a 2xx answer says whether it is right: true there, anything else is wrong.'),
    echo: path
      .optional()
      .describe('Where a 2xx answer says whose password it is: another id than the one asked for is wrong.'),
  },
);
const flagRequest = requestWith(
  READING,
  { names: ['id', 'migrated'] },
  {
    authorization: authorization.optional().describe('Who may write this mark; by default who reads.'),
  },
);

const flag = flagRequest.describe(
  'Marks one user as moved: {migrated} is true, or false when taken back: the only thing that is written to the legacy store besides `writes` and `apply`.',
);

export const httpSettings = z
  .strictObject({
    url: httpUrl
      .refine((text) => !URL.canParse(text) || new URL(text).search === '', { error: 'without a query' })
      .describe('Where the API begins. No redirect is followed.'),
    allowPlainHttp: z
      .boolean()
      .default(false)
      .describe('Passwords may go unencrypted over a network that nobody else hears.'),
    authorization: authorization.optional().describe('Who we are to the API: somebody who can only read.'),
    headers: z
      .record(z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/), secret)
      .default({})
      .describe('Further headers, such as an API key.'),
    tls: z
      .strictObject({
        ca: secret.optional().describe('The certificate authority, as PEM; by default those of Node.'),
        cert: secret.optional().describe('Our own certificate, as PEM.'),
        key: secret.optional().describe('Its key, as PEM.'),
      })
      .prefault({})
      .describe('Whom to trust, and who we are. The certificate and its name are always checked.'),
    id: path
      .default('id')
      .describe('Where the record’s primary key stands: it never changes, and makes the subject.'),
    login: z.array(path).min(1).max(5).describe('Where stands what people type.'),
    echo: z
      .enum(['ignoreCase', 'exact', 'off'])
      .default('ignoreCase')
      .describe(
        'How what was typed is found again in the answer at one of `login`: an answer without it is nobody. `off` believes the API.',
      ),
    byLogin: z
      .union([lookup.transform((one) => [one]), z.array(lookup).min(1).max(MAX_LOOKUPS)])
      .describe('Asks for who has {login}; of several requests, all are asked.'),
    byId: requestWith(READING, { names: ['id'] }, at).describe('Asks for who has {id}.'),
    nobody: statuses
      .refine((all) => !all.includes(401) && !all.includes(403), {
        error: '401 and 403 are about our credentials',
      })
      .default([404])
      .describe('Statuses of a lookup that say: there is nobody.'),
    page: pageRequest.optional().describe('Asks for all users, a page at a time: for surveys and batches.'),
    verify: verifyRequest
      .optional()
      .describe('Asks whether {password} is right for {id}, or for {user.…}, which is a path of the record.'),
    flag: flag.optional(),
    writes: z
      .strictObject({
        authorization: authorization.optional().describe('Who may write this; by default who reads.'),
        ...httpWrites,
      })
      .optional()
      .describe('What is written to the legacy store besides `flag`. Only what is named here.'),
    apply: httpApply(authorization),
    ping: requestWith(READING, { names: [] }, {})
      .optional()
      .describe(
        'Asks whether the API is there; by default `url` itself, where any answer below 500 will do.',
      ),
    related: z
      .record(
        z.string().regex(/^[A-Za-z]\w{0,31}$/),
        z.strictObject({ path: path.describe('An array or an object inside the user’s record.') }),
      )
      .default({})
      .describe('What a user has several of, by the name the mapping calls it.'),
    maxBytes: count(1_024, 64 * 1_024 * 1_024, 1_024 * 1_024).describe('A longer answer is an outage.'),
    poolSize: count(1, 200, 20).describe('Connections to the API.'),
  })
  .superRefine(({ url, allowPlainHttp, authorization, flag, writes, apply, headers, page, tls }, context) => {
    const fail = (at: string[], message: string) => context.addIssue({ code: 'custom', path: at, message });
    const isPlain = (text: string | undefined) =>
      text?.startsWith('http:') && !allowPlainHttp && !LOOPBACK.test(new URL(text).hostname);
    const message = 'expected https, as passwords go there; or set allowPlainHttp';
    if (isPlain(url)) fail(['url'], message);
    for (const who of [authorization, flag?.authorization, writes?.authorization, apply?.authorization])
      if (isPlain(who?.clientCredentials?.tokenUrl)) fail(['authorization'], message);
    if ((tls.cert === undefined) !== (tls.key === undefined))
      fail(['tls'], 'expected both `cert` and `key`, or neither');
    for (const [name, value] of Object.entries(headers))
      if (!/^[\x20-\x7e]*$/.test(value.reveal()))
        fail(['headers', name], 'expected visible ASCII letters only');
    if (page && holesIn([page.path, ...Object.values(page.query), ...textsIn(page.body)]).length === 0)
      fail(['page'], 'expected {after}, {offset} or {page} somewhere');
  })
  .describe('A web service that answers with JSON. Names of columns are dotted paths, as in export files.');
export type HttpSettings = z.output<typeof httpSettings>;
export type RequestTemplate = HttpSettings['byId'];
