/** Sends the browser through the legacy app, which redeems a one-time token and makes its session itself. */
import { z } from 'zod';
import { count, httpUrl } from '../../settings.ts';
import type { Created, Creator, CreatorDeps, CreatorKind, LegacyLogin } from '../creator.ts';
import { commonSettings } from '../creator.ts';
import { storeHandOver } from '../hand-overs.ts';

const settings = z.strictObject({
  kind: z.literal('hand-over').describe('The browser goes through the app with a one-time token.'),
  ...commonSettings,
  url: httpUrl.describe(
    'The app’s page that takes `token`, redeems it with a signed call and sends the browser back.',
  ),
  ttlSeconds: count(5, 60, 60).describe('How long the token is good.'),
});
type HandOverSettings = z.output<typeof settings>;

export const handOver: CreatorKind<typeof settings> = {
  settings,
  open: (app, deps): Creator => ({
    create: (login) => send(app, deps, login).catch(() => ({ failure: 'storage' })),
    close: async () => undefined,
  }),
};

async function send(
  { name, url, ttlSeconds }: HandOverSettings,
  { db }: CreatorDeps,
  login: LegacyLogin,
): Promise<Created> {
  const { sub, user, authTime, amr, returnTo } = login;
  const { legacyId, username } = user;
  const handedOver = { sub, legacyId, ...(username ? { username } : {}), authTime, amr, returnTo };
  const token = await storeHandOver(db, { app: name, login: handedOver, seconds: ttlSeconds });
  const redirect = new URL(url);
  redirect.searchParams.set('token', token);
  return { redirectTo: redirect.href };
}
