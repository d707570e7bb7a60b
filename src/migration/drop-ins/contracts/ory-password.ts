/**
 * The password migration hook of Ory Kratos and Ory Network (`selfservice.methods.password.config.migrate_hook`), by
 * its source (`selfservice/hook/password_migration_hook.go`). Called for identities that have `use_password_migration_hook`
 * and no hash; after a match Kratos hashes the password itself and does not come again.
 *
 * What Kratos makes of a status: 200 with `password_match` is right; 403, and 200 with anything else, is wrong; all others
 * are "try again later" to the person. Of these, 429 and 5xx are sent again, up to twice, after as long as Retry-After
 * says: so who has to wait gets another 4xx, and Retry-After stays short.
 */
import { z } from 'zod';
import { parseInput, parseJson } from '../../json-routes.ts';
import type { Claim, DropInContract } from '../drop-in.ts';
import type { SettingsOf } from '../drop-in-settings.ts';

const request = z.object({ identifier: z.string(), password: z.string() });
const response = z.object({ status: z.enum(['password_match', 'password_mismatch', 'throttled']) });

/** RFC 4918 section 11.3. */
const LOCKED = 423;

export const oryPassword: DropInContract<SettingsOf<'ory'>> = {
  kind: 'ory',
  calls: [
    {
      asks: 'password',
      path: '/hooks/ory/password/:name',
      alone: '/hooks/ory/password',
      maxRetryAfter: 2,
      summary:
        'Ory’s password migration hook. 403: wrong; 423: throttled; 503: not now, which is no wrong password. Without a name where there is one of them.',
      request,
      response,
      read: ({ body }): Claim => {
        const { identifier, password } = parseInput(request, parseJson(body));
        return { who: { login: identifier }, password };
      },
      answer: (verdict) => {
        if (verdict.kind === 'right') return { status: 200, body: { status: 'password_match' } };
        if (verdict.kind === 'wrong') return { status: 403, body: { status: 'password_mismatch' } };
        return { status: LOCKED, body: { status: 'throttled' } };
      },
    },
  ],
};
