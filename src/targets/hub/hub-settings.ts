/** What only a hub needs to know: a directory of people and their organizations, with plain OAuth 2.0 before it. */
import { z } from 'zod';
import { httpOrigin, secret } from '../../settings.ts';

export const hubSettings = z.strictObject({
  url: httpOrigin.describe('Its origin: https://hub.zaikio.com.'),
  scopeNames: z
    .enum(['zaikio', 'directory'])
    .default('zaikio')
    .describe('How its scopes and events begin: `directory` is the older name.'),
  organizationScopes: z
    .array(z.string().min(1).max(200))
    .min(1)
    .default(['organization.r', 'organization_members.r'])
    .describe('What we ask of an organization, without the beginning.'),
  webhook: z
    .strictObject({
      secret: secret.describe('The shared secret that its events are signed with.'),
      eventsUrl: httpOrigin.optional().describe('Where events can be read again: https://loom.zaikio.com.'),
      app: z.string().min(1).max(200).optional().describe('Our app’s name there.'),
      password: secret.optional().describe('And its event password.'),
    })
    .refine(
      ({ eventsUrl, app, password }) =>
        [eventsUrl, app, password].every((one) => (one === undefined) === (eventsUrl === undefined)),
      {
        error: 'expected eventsUrl, app and password, or none of them',
      },
    )
    .optional()
    .describe('Events that it sends to /webhooks/<target>. Without it, it is only asked.'),
});
export type HubSettings = z.output<typeof hubSettings>;
