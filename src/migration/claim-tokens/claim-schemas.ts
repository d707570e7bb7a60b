/** The shapes of what legacy apps ask about claim tokens: they check requests and generate their description. */
import { z } from 'zod';
import { login, subject } from '../schemas.ts';
import { CLAIM_PURPOSES } from './claim-token.ts';

const target = z.string().min(1).max(63).describe('The target’s name.');
const person = {
  target,
  login: login.exactOptional(),
  sub: subject.exactOptional().describe('The user’s `sub`, instead of `login`.'),
};
const isOne = ({ login, sub }: { readonly login?: string; readonly sub?: string }) =>
  (login === undefined) !== (sub === undefined);
const EITHER = { error: 'expected login or sub, and not both' };

export const linkRequest = z
  .strictObject({
    ...person,
    organization: subject
      .exactOptional()
      .describe('The legacy id of an organization that this person owns: the link is for it.'),
  })
  .refine(isOne, EITHER);

export const linkAnswer = z.object({
  link: z
    .string()
    .describe(
      'Where to send the person, and nobody else: whoever opens it may link this account. Good once.',
    ),
  expiresAt: z.iso.datetime(),
  purpose: z.enum(CLAIM_PURPOSES),
});
export type LinkAnswer = z.output<typeof linkAnswer>;

export const standingRequest = z.strictObject(person).refine(isOne, EITHER);

export const standingAnswer = z.object({
  standing: z
    .enum(['free', 'soon', 'refused'])
    .describe(
      '`free`: let them in. `soon`: let them in, and ask them to link their account. `refused`: let nobody in by the old password any more.',
    ),
  until: z.iso.datetime().optional().describe('Of `soon`: when that ends.'),
  since: z.iso.datetime().optional().describe('Of `refused`: when it began.'),
  linked: z.boolean().describe('Whether their account is linked: then they can sign in at the target.'),
});
export type StandingAnswer = z.output<typeof standingAnswer>;
