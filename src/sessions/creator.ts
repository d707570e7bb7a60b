/**
 * A way to give a legacy app its session when somebody logs in to us.
 *
 * A new one is a file in `creators/` that exports a `CreatorKind`, and a line in its `index.ts`.
 */
import { z } from 'zod';
import type { Queryable } from '../store/db.ts';
import { signingKey } from '../targets/target-settings.ts';
import type { User } from '../user.ts';

/** A login that has just succeeded. */
export interface LegacyLogin {
  readonly sub: string;
  readonly user: User;
  /** Seconds since the epoch. */
  readonly authTime: number;
  /** RFC 8176 values. */
  readonly amr: readonly string[];
  readonly clientId: string;
  /** Where the browser goes on with our login. */
  readonly returnTo: string;
}

/** Why there is no legacy session: few values, to be counted. */
export type CreatorFailure = 'timeout' | 'unreachable' | 'refused' | 'no_cookie' | 'storage';

export type Created =
  | { readonly setCookies?: readonly string[]; readonly redirectTo?: string }
  | { readonly failure: CreatorFailure };

export interface Creator {
  /** Never throws, and never takes longer than its own limit. */
  create(login: LegacyLogin): Promise<Created>;
  close(): Promise<void>;
}

export interface CreatorDeps {
  readonly db: Queryable;
  /** Seconds since the epoch; the system's clock by default. */
  readonly nowSeconds?: () => number;
}

export interface CreatorKind<S extends z.ZodType> {
  readonly settings: S;
  open(settings: z.output<S>, deps: CreatorDeps): Creator;
}

/** What every creator's settings begin with. */
export const commonSettings = {
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/)
    .describe('Names the legacy app.'),
  keys: z
    .array(signingKey)
    .min(1)
    .max(4)
    .describe(
      'Shared keys for signed calls between us and the app: the first signs ours, all open the app’s.',
    ),
  clientIds: z
    .array(z.string())
    .exactOptional()
    .describe('Only for logins at these clients; by default at all.'),
  required: z
    .boolean()
    .default(false)
    .describe('True: no login without this session. Otherwise a failure is only counted.'),
};
