/** Settings that only a target of the kind `keycloak` has. */
import { z } from 'zod';
import { secret } from '../../settings.ts';

const passwordCheck = z.strictObject({
  clientId: z
    .string()
    .min(1)
    .max(255)
    .describe('A client of the realm with “Direct access grants” on, and for nothing else.'),
  clientSecret: secret.optional().describe('Its secret; without it the client is a public one.'),
  asksForCode: z
    .boolean()
    .default(true)
    .describe(
      'Whether its direct grant flow asks for a one-time code, as Keycloak’s own does: then nothing is told of people who have such codes. `false` for a client with a flow of its own without that step.',
    ),
});
export type PasswordCheckSettings = z.output<typeof passwordCheck>;

export const realmSettings = z.strictObject({
  events: z
    .boolean()
    .default(false)
    .describe(
      'Whether the events that the realm stores are read: what webhooks lost, or all of it where there are none. Wants the role `view-events`.',
    ),
  passwordCheck: passwordCheck
    .exactOptional()
    .describe('How a password is tried at Keycloak (RFC 6749 section 4.3); without it none is.'),
});
export type RealmSettings = z.output<typeof realmSettings>;

interface Configured {
  readonly kind: string;
  readonly keycloak?: RealmSettings | undefined;
  readonly api?: unknown;
}

/** What only a target's settings together show to be wrong; paths begin with its index. */
export function wrongRealm(
  targets: readonly Configured[],
): { readonly path: PropertyKey[]; readonly message: string }[] {
  return targets.flatMap(({ kind, keycloak, api }, index) => {
    if (!keycloak) return [];
    if (kind !== 'keycloak') return [{ path: [index, 'keycloak'], message: `not for ${kind}` }];
    return api ? [] : [{ path: [index, 'keycloak'], message: 'expected `api` as well' }];
  });
}
