/** Settings of the legacy apps that get a session of their own when somebody logs in to us. */
import { z } from 'zod';
import { CREATORS } from './creators/index.ts';

export const legacySessionSettings = z
  .array(z.discriminatedUnion('kind', [CREATORS['http-hook'].settings, CREATORS['hand-over'].settings]))
  .max(8)
  .default([])
  .superRefine((apps, context) => {
    const fail = (message: string) => context.addIssue({ code: 'custom', message });
    if (new Set(apps.map(({ name }) => name)).size < apps.length) fail('every app has a name of its own');
    // The second app's address, token and all, would have to be kept for the first to send the browser to.
    if (apps.filter(({ kind }) => kind === 'hand-over').length > 1)
      fail('the browser can go through one app only');
  })
  .describe('Legacy apps that get their own session at a login here.');
export type LegacySessionSettings = z.output<typeof legacySessionSettings>;
