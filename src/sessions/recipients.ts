/** Which legacy apps are told when sessions end: those whose settings want it and that can do something about it. */
import type { Recipients } from './ending/ending.ts';
import type { LegacyAppDeps } from './legacy-app.ts';
import type { LegacySessionSettings } from './legacy-session-settings.ts';
import { openConfigured } from './opened-app.ts';

/** What an app can do is known once it is open; nothing connects by that. */
export function appRecipients(
  settings: LegacySessionSettings,
  deps: LegacyAppDeps,
): Pick<Recipients, 'apps' | 'appsByPerson'> {
  const opened = settings
    .filter(({ end }) => end)
    .map((app) => ({ name: app.name, app: openConfigured(app, deps) }));
  for (const { app } of opened) void app.close();
  return {
    apps: opened.filter(({ app }) => app.end ?? app.endAllOf).map(({ name }) => name),
    appsByPerson: opened.filter(({ app }) => app.endAllOf).map(({ name }) => name),
  };
}
