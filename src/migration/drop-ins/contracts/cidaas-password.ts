/**
 * The remote verifier of a custom hash at cidaas, by its documentation: the stored hash is sent with what was typed, and
 * the answer is always 200 with `verified`. Our batches store a reference to the person in the hash's place. After a match
 * cidaas hashes the password itself.
 *
 * Always 200, but for what is no verdict: throttled and outages get an error status, because `verified: false` would be
 * counted there as a wrong password. How cidaas authenticates this call is not documented.
 */
import { z } from 'zod';
import { FootbridgeError } from '../../../errors.ts';
import type { Keyring } from '../../../store/encryption.ts';
import { subOfReference } from '../../../targets/cidaas/password-reference.ts';
import { parseInput, parseJson } from '../../json-routes.ts';
import type { Claim, DropInContract } from '../drop-in.ts';
import type { SettingsOf } from '../drop-in-settings.ts';

/** Longer than any reference: a `sub` of ours in base64url, and a MAC. */
const REFERENCE_CHARACTERS = 2_048;

const request = z.object({
  passwordVerification: z.object({ passwordHash: z.string().max(REFERENCE_CHARACTERS) }),
  password: z.string(),
});
const response = z.object({
  status: z.literal(200),
  success: z.boolean(),
  data: z.object({ verified: z.boolean() }),
});

export const cidaasPassword: DropInContract<SettingsOf<'cidaas'>> = {
  kind: 'cidaas',
  calls: [
    {
      asks: 'password',
      path: '/hooks/cidaas/password/:name',
      alone: '/hooks/cidaas/password',
      summary:
        'The remote verifier of cidaas’ custom hashes. 400: a hash that names nobody of ours. Without a name where there is one of them.',
      request,
      response,
      read: ({ body, keyring }, { target }): Claim => {
        const { passwordVerification, password } = parseInput(request, parseJson(body));
        const sub = subOf(keyring, target, passwordVerification.passwordHash);
        // A mistake of ours or of the settings: as a wrong password it would look like everybody's own.
        if (sub === undefined)
          throw new FootbridgeError('bad_request', { detail: `the hash is no reference of ${target}` });
        return { who: { sub }, password };
      },
      answer: (verdict) => {
        if (verdict.kind === 'throttled') return { status: 429, body: { status: 429, success: false } };
        return {
          status: 200,
          body: { status: 200, success: true, data: { verified: verdict.kind === 'right' } },
        };
      },
    },
  ],
};

/** What an older master key has made is as good: it stays at cidaas until the person logs in. */
function subOf(keyring: Pick<Keyring, 'macs'>, target: string, reference: string): string | undefined {
  const macs = (text: string) => keyring.macs('cidaas-password', text);
  return macs('')
    .map((_, key) => subOfReference((text) => macs(text)[key] ?? Buffer.alloc(0), target, reference))
    .find((sub) => sub !== undefined);
}
