/** The shapes of what legacy apps ask for: they check requests and generate their description. */
import { z } from 'zod';
import { login, subject } from './schemas.ts';
import { STATES } from './states.ts';

/** What a login page would take; longer ones are no password of anybody. */
const PASSWORD_CHARACTERS = 1_024;

export const ensureRequest = z
  .strictObject({
    target: z.string().min(1).max(63).describe('The target’s name.'),
    login: login.exactOptional(),
    sub: subject.exactOptional().describe('The user’s `sub`, instead of `login`.'),
    password: z
      .string()
      .min(1)
      .max(PASSWORD_CHARACTERS)
      .exactOptional()
      .describe('As it was just typed; we check it, within the limits of the login page.'),
    proof: z
      .strictObject({
        authTime: z.int().min(0).describe('When the app checked the password itself; at most 300 s ago.'),
        amr: z.array(z.string().min(1).max(32)).min(1).max(8).describe('RFC 8176 values.'),
      })
      .exactOptional()
      .describe('The app’s word instead of a password; only from clients with `trustedProof`.'),
    network: z
      .union([z.ipv4(), z.ipv6()])
      .exactOptional()
      .describe('The address that the person comes from, for the limits; the caller’s own when absent.'),
  })
  .refine(({ login, sub }) => (login === undefined) !== (sub === undefined), {
    error: 'expected login or sub, and not both',
  })
  .refine(({ password, proof }) => password === undefined || proof === undefined, {
    error: 'expected a password or a proof, and not both',
  });
export type EnsureRequest = z.output<typeof ensureRequest>;

export const ensureAnswer = z.object({
  sub: subject,
  state: z.enum(STATES).describe('Where the user stands on the way to this target.'),
  proved: z
    .boolean()
    .describe(
      'Whether the password or the app’s word was looked at. It is not for people who have moved: never take their answer for a login.',
    ),
  decision: z
    .literal('stay')
    .optional()
    .describe('The rollout plan leaves them at the old login for now: let them in there.'),
  redirectUrl: z
    .string()
    .optional()
    .describe(
      'Where to send the browser. Absent where the target does not have everything yet: go on as before, and ask again at the next login.',
    ),
});
export type EnsureAnswer = z.output<typeof ensureAnswer>;
