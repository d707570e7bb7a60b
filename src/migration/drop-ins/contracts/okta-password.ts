/**
 * Okta's password import inline hook (`com.okta.user.credential.password.import`), by its documentation. Okta waits three
 * seconds, sends again once where there was no answer or a 5xx, and takes every status that is no 2xx for a failure:
 * nobody logs in then, no password is imported, and the next login asks again.
 */
import { z } from 'zod';
import { parseInput, parseJson } from '../../json-routes.ts';
import type { Claim, DropInContract } from '../drop-in.ts';
import type { SettingsOf } from '../drop-in-settings.ts';

const request = z.object({
  data: z.object({
    context: z.object({
      request: z.object({ ipAddress: z.string().optional() }).optional(),
      credential: z.object({ username: z.string(), password: z.string() }),
    }),
  }),
});

const command = (credential: 'VERIFIED' | 'UNVERIFIED') => ({
  commands: [{ type: 'com.okta.action.update', value: { credential } }],
});
const response = z.object({
  commands: z.array(
    z.object({
      type: z.literal('com.okta.action.update'),
      value: z.object({ credential: z.enum(['VERIFIED', 'UNVERIFIED']) }),
    }),
  ),
});

export const oktaPassword: DropInContract<SettingsOf<'okta'>> = {
  kind: 'okta',
  calls: [
    {
      asks: 'password',
      path: '/drop-ins/okta/:name/password',
      summary:
        'Okta’s password import inline hook. Throttled (429) and outages (503) are failures to Okta, not verdicts.',
      request,
      response,
      read: ({ body }): Claim => {
        const { context } = parseInput(request, parseJson(body)).data;
        const { username, password } = context.credential;
        const address = context.request?.ipAddress;
        return { who: { login: username }, password, ...(address === undefined ? {} : { address }) };
      },
      answer: (verdict) => {
        // Said, not left to the default action of an empty answer, which the caller chooses.
        if (verdict.kind !== 'throttled')
          return { status: 200, body: command(verdict.kind === 'right' ? 'VERIFIED' : 'UNVERIFIED') };
        return {
          status: 429,
          body: { error: { errorSummary: 'Too many attempts. Wait a little and try again.' } },
        };
      },
    },
  ],
};
