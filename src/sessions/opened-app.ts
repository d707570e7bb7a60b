/** A legacy app with its settings, ready to be asked. */
import { FootbridgeError } from '../errors.ts';
import type { Gate } from './app-gate.ts';
import { openGate } from './app-gate.ts';
import { APP_KINDS } from './apps/index.ts';
import type { LegacyApp, LegacyAppDeps } from './legacy-app.ts';
import type { LegacyAppSettings } from './legacy-session-settings.ts';
import type { StoreSubjects } from './store-subjects.ts';

export interface OpenedApp {
  readonly name: string;
  readonly settings: LegacyAppSettings;
  readonly app: LegacyApp;
  /** One each, as their patience differs: an app too slow for a visit may be quick enough for the rounds. */
  readonly gates: { readonly recognise: Gate; readonly visit: Gate; readonly round: Gate };
}

/** Opens what is configured; tests bring apps of their own. */
export type OpenApp = (settings: LegacyAppSettings, deps: LegacyAppDeps) => LegacyApp;

export const openConfigured: OpenApp = (settings, deps) => {
  // Name and settings belong together by the schema; TypeScript cannot follow that through the table.
  const kind = APP_KINDS[settings.kind] as { open: OpenApp };
  return kind.open(settings, deps);
};

/** Throws config_invalid for an app that cannot do what its settings ask of it. */
export function openedApp(
  settings: LegacyAppSettings,
  app: LegacyApp,
  stores: readonly StoreSubjects[],
): OpenedApp {
  const { name, required, identifies, store } = settings;
  const fail = (problem: string) =>
    new FootbridgeError('config_invalid', { detail: `legacySessions: ${name} ${problem}` });
  if (required && !app.create) throw fail('is required, but cannot be given a session');
  const isAskedWho = Boolean(app.recognise ?? app.askUrl);
  if (isAskedWho && store !== undefined && stores.every((other) => other.name !== store))
    throw fail(`names the legacy store ${store}, and there is none`);
  if (isAskedWho && identifies === 'id' && store === undefined && stores.length > 1)
    throw fail('has to say whose primary keys it names: `store`');
  const gates = { recognise: openGate(name), visit: openGate(name), round: openGate(name) };
  return { name, settings, app, gates };
}

export const isConcerned = ({ settings }: OpenedApp, clientId: string): boolean =>
  settings.clientIds?.includes(clientId) ?? true;
