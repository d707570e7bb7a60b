/** Legacy sessions beside ours: at a login here, each configured app gets its own. */
import { FootbridgeError } from '../errors.ts';
import type { Created, Creator, CreatorDeps, CreatorFailure, LegacyLogin } from './creator.ts';
import { CREATORS } from './creators/index.ts';
import type { LegacySessionSettings } from './legacy-session-settings.ts';

export type { CreatorFailure, LegacyLogin } from './creator.ts';

export interface LegacySessions {
  /** Takes no longer than the slowest app's limit. Throws legacy_unavailable when a required session was not made. */
  create(login: LegacyLogin): Promise<CreatedLegacySessions>;
  close(): Promise<void>;
}

export interface CreatedLegacySessions {
  /** `Set-Cookie` values for the answer to the browser. */
  readonly setCookies: readonly string[];
  /** Where to send the browser instead of `returnTo`: the app sends it on from there. */
  readonly redirectTo?: string;
  readonly failures: readonly { readonly app: string; readonly failure: CreatorFailure }[];
}

export interface LegacySessionDeps extends CreatorDeps {
  /** Told of every attempt, for metrics and the log. */
  readonly onOutcome?: (outcome: {
    readonly app: string;
    readonly outcome: 'created' | CreatorFailure;
  }) => void;
}

type AppSettings = LegacySessionSettings[number];

interface App {
  readonly settings: AppSettings;
  readonly creator: Creator;
}

export function openLegacySessions(settings: LegacySessionSettings, deps: LegacySessionDeps): LegacySessions {
  const apps = settings.map((app): App => ({ settings: app, creator: openCreator(app, deps) }));
  return {
    create: (login) => createAll(apps, deps, login),
    async close() {
      await Promise.all(apps.map(({ creator }) => creator.close()));
    },
  };
}

function openCreator(app: AppSettings, deps: CreatorDeps): Creator {
  // Name and settings belong together by the schema; TypeScript cannot follow that through the table.
  const kind = CREATORS[app.kind] as { open(settings: AppSettings, deps: CreatorDeps): Creator };
  return kind.open(app, deps);
}

async function createAll(
  apps: readonly App[],
  { onOutcome }: LegacySessionDeps,
  login: LegacyLogin,
): Promise<CreatedLegacySessions> {
  const concerned = apps.filter(({ settings }) => settings.clientIds?.includes(login.clientId) ?? true);
  const results = await Promise.all(
    concerned.map(async (app) => ({ app, created: await app.creator.create(login) })),
  );
  for (const { app, created } of results)
    onOutcome?.({ app: app.settings.name, outcome: outcomeOf(created) });
  const missing = results.find(({ app, created }) => app.settings.required && 'failure' in created);
  if (missing)
    throw new FootbridgeError('legacy_unavailable', { detail: `no session at ${missing.app.settings.name}` });
  const redirectTo = results
    .map(({ created }) => ('failure' in created ? undefined : created.redirectTo))
    .find(Boolean);
  return {
    setCookies: results.flatMap(({ created }) => ('failure' in created ? [] : (created.setCookies ?? []))),
    ...(redirectTo ? { redirectTo } : {}),
    failures: results.flatMap(({ app, created }) =>
      'failure' in created ? [{ app: app.settings.name, failure: created.failure }] : [],
    ),
  };
}

function outcomeOf(created: Created): 'created' | CreatorFailure {
  return 'failure' in created ? created.failure : 'created';
}
