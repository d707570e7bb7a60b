/**
 * The configuration file: YAML, `${NAME}` and `${NAME:-default}` from the environment, checked against every room's
 * settings. Problems are all reported at once, each with file, line, column, path and what is expected.
 */
import { readFileSync } from 'node:fs';
import { isScalar, stringify, visit } from 'yaml';
import { z } from 'zod';
import { adminSettings } from './admin/admin-settings.ts';
import { keepSources, masked } from './config-sources.ts';
import { passwordSettings } from './credentials/password-settings.ts';
import { telling } from './issue-words.ts';
import { placesIn } from './legacy/apply-settings.ts';
import type { LegacySettings } from './legacy/legacy-settings.ts';
import { appliesOf, legacyStores, writesOf } from './legacy/legacy-settings.ts';
import { writeOut } from './legacy/shorthand.ts';
import { mailSettings } from './mail/mail-settings.ts';
import { claimTokensSettings, wrongClaimTokens } from './migration/claim-tokens/claim-settings.ts';
import { dropInSettings, wrongDropIns } from './migration/drop-ins/drop-in-settings.ts';
import { pagesSettings } from './provider/pages/pages-settings.ts';
import { providerSettings, wrongTargets } from './provider/provider-settings.ts';
import { legacySessionSettings, wrongStores } from './sessions/legacy-session-settings.ts';
import { sessionSettings } from './sessions/session-settings.ts';
import { count, postgresUrl, Secret, secret, whyUnread } from './settings.ts';
import { syncSettings } from './sync/sync-settings.ts';
import { wrongSync } from './sync/wrong-sync.ts';
import { targetSettings } from './targets/target-settings.ts';
import type { FileProblem } from './yaml-file.ts';
import { plainOf, problemLine, problemsAt, readYaml } from './yaml-file.ts';

const listener = (port: number, what: string) => ({
  host: z.string().default('127.0.0.1').describe('Address to listen on.'),
  port: count(0, 65_535, port).describe(what),
});
const names = z
  .array(z.string())
  .default([])
  .describe(
    'Further names by which monitoring calls the private listener; addresses, names without a dot and names that exist inside only (.internal, .local, .svc) need not be here.',
  );

const MASTER_KEY_BYTES = 32;
const DAY_SECONDS = 86_400;
const masterKey = secret.refine((key) => Buffer.from(key.reveal(), 'base64').length === MASTER_KEY_BYTES, {
  error: 'expected 32 bytes in base64, as `openssl rand -base64 32` makes them',
});

const shape = z.strictObject({
  database: z
    .strictObject({
      url: postgresUrl.describe('Our own PostgreSQL (14 or newer): postgres://user:password@host/database.'),
      poolSize: count(2, 200, 10).describe('Connections per node.'),
      preparedStatements: z.boolean().default(true).describe('False behind a pooler in transaction mode.'),
    })
    .describe('Footbridge’s own database; never the legacy store.'),
  masterKey: z
    .union([masterKey, z.array(masterKey).min(1)], {
      error: ({ input }) =>
        input === undefined ? 'is missing: make one with `openssl rand -base64 32`' : undefined,
    })
    .describe(
      '32 random bytes in base64: seals keys and cookies at rest. A list: the first seals, all open.',
    ),
  listen: z
    .strictObject({
      public: z.strictObject(listener(8080, 'Logins, tokens, secret retrieval.')).prefault({}),
      private: z
        .strictObject({
          ...listener(8081, 'Health, metrics, the operator’s API. Never to be reached from outside.'),
          names,
        })
        .prefault({}),
      stopDelaySeconds: count(1, 60, 1).describe(
        'How long a node that is told to stop says that it is not ready before it takes no more connections: as long as your load balancer takes to notice.',
      ),
    })
    .prefault({}),
  provider: providerSettings.prefault({}),
  legacy: legacyStores,
  passwords: passwordSettings.prefault({}),
  targets: targetSettings,
  dropIns: dropInSettings,
  claimTokens: claimTokensSettings,
  sync: syncSettings.prefault({}),
  mail: mailSettings.optional().describe('How we send mail; without it only targets write to people.'),
  legacySessions: legacySessionSettings,
  sessions: sessionSettings.prefault({}),
  pages: pagesSettings.prefault({}),
  admin: adminSettings.prefault({}),
  log: z
    .strictObject({
      level: z
        .enum(['debug', 'info', 'warn', 'error', 'silent'])
        .default('info')
        .describe('How much is logged.'),
      requests: z
        .boolean()
        .default(true)
        .describe('A line for each request that was answered: method, route, status and how long it took.'),
      addresses: z
        .boolean()
        .default(false)
        .describe('Such a line says from which address it came: personal data, to be kept as such.'),
    })
    .prefault({}),
});
export const settings = shape.superRefine(
  ({ provider, targets, dropIns, claimTokens, sync, legacy, legacySessions, sessions }, context) => {
    for (const { path, message } of wrongTargets(provider, targets))
      context.addIssue({ code: 'custom', path: ['provider', ...path], message });
    if (provider.profile === 'fapi-2.0' && claimTokens.length > 0)
      context.addIssue({
        code: 'custom',
        path: ['claimTokens'],
        message:
          'people log in for its pages by requests that are not pushed: leave it out (profile fapi-2.0)',
      });
    for (const { path, message } of wrongDropIns(dropIns, targets))
      context.addIssue({ code: 'custom', path: ['dropIns', ...path], message });
    const writes = new Set(legacy.stores.flatMap((store) => [...writesOf(store)]));
    const mapsOrganizations = legacy.stores.some(({ mapping }) => mapping.organizations !== undefined);
    for (const { path, message } of wrongClaimTokens(claimTokens, { targets, writes, mapsOrganizations }))
      context.addIssue({ code: 'custom', path: ['claimTokens', ...path], message });
    for (const { path, message } of wrongSync(sync, { targets, stores: legacy.stores.map(writingTo) }))
      context.addIssue({ code: 'custom', path: ['sync', ...path], message });
    const stores = legacy.stores.map(({ store }) => store);
    for (const { path, message } of wrongStores(legacySessions, stores))
      context.addIssue({ code: 'custom', path: ['legacySessions', ...path], message });
    for (const [index, { maxAgeSeconds }] of legacySessions.entries()) {
      const path = ['legacySessions', index, 'maxAgeSeconds'];
      const message =
        'longer than `sessions.keepDays`: by then it is forgotten that the person’s sessions were ended';
      if (maxAgeSeconds > sessions.keepDays * DAY_SECONDS)
        context.addIssue({ code: 'custom', path, message });
    }
  },
);
/** What sync may write there. */
function writingTo(store: LegacySettings) {
  const apply = appliesOf(store);
  return {
    store: store.store,
    fields: new Set(apply ? placesIn(apply).map(([field]) => field) : []),
    removes: apply?.remove !== undefined && apply.remove !== false,
    createsPeople: writesOf(store).has('createPerson'),
  };
}

export type Settings = z.output<typeof settings>;
export type SettingsInput = z.input<typeof settings>;

export type ConfigProblem = FileProblem;

export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];
  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(problemLine).join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** Reads and checks the file. Throws ConfigError with every problem found. */
export function loadConfig(file: string, env: NodeJS.ProcessEnv = process.env): Settings {
  return parseConfig(readConfig(file), { file, env });
}

function readConfig(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError([
      {
        file,
        line: 1,
        column: 1,
        path: '',
        message: `${whyUnread(error)}; name another with --config FILE, or try it all out with: footbridge demo`,
      },
    ]);
  }
}

/** The file with presets and URLs written out, as YAML. Secrets are not in it. Throws ConfigError. */
export function showConfig(file: string, env: NodeJS.ProcessEnv = process.env): string {
  const text = readConfig(file);
  const secrets = new Set(secretsIn(parseConfig(text, { file, env })));
  const { tree } = readTree(text, { file, env });
  return stringify(masked(tree, secrets));
}

function secretsIn(value: unknown): string[] {
  if (value instanceof Secret) return [value.reveal()];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(secretsIn) : [];
}

const EMPTY = 'the file is empty: begin with example/footbridge.yaml';

interface Origin {
  readonly file: string;
  readonly env: NodeJS.ProcessEnv;
}

/** The file as plain data: variables filled in, presets and URLs written out. Throws ConfigError where it is no YAML. */
function readTree(text: string, { file, env }: Origin) {
  const yaml = readYaml(text, file);
  const { document, at, problems } = yaml;
  if (problems.length) throw new ConfigError(problems);
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null))
    throw new ConfigError([{ ...at(0), path: '', message: EMPTY }]);
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value !== 'string') return;
      node.value = node.value.replace(
        /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g,
        (_all, name: string, fallback?: string) => {
          const value = env[name] ?? fallback;
          if (value === undefined)
            problems.push({
              ...at(node.range?.[0] ?? 0),
              path: '',
              message: `the environment variable ${name} is not set`,
            });
          return value ?? '';
        },
      );
    },
  });
  const tree = plainOf(yaml) as { legacy?: unknown } | undefined;
  if (tree === undefined) throw new ConfigError(problems);
  try {
    if (typeof tree === 'object' && tree.legacy !== undefined) tree.legacy = writeOut(tree.legacy);
  } catch (error) {
    problems.push({ ...yaml.placeOf(['legacy']), path: 'legacy', message: (error as Error).message });
  }
  return { yaml, tree };
}

export function parseConfig(text: string, origin: Origin): Settings {
  const { yaml, tree } = readTree(text, origin);
  const { problems } = yaml;
  const parsed = settings.safeParse(tree, { error: telling });
  if (parsed.success && problems.length === 0) {
    keepSources(parsed.data, { yaml, tree, env: origin.env, secrets: new Set(secretsIn(parsed.data)) });
    return parsed.data;
  }
  const told = new Set(problems.map(({ line, column }) => `${line}:${column}`));
  // What a missing variable leaves behind is no problem of its own.
  const found = problemsAt(yaml, parsed.error?.issues ?? []).filter(
    ({ line, column }) => !told.has(`${line}:${column}`),
  );
  throw new ConfigError([...problems, ...found]);
}

/** For editors: `# yaml-language-server: $schema=…`. */
export function configSchema(): object {
  return z.toJSONSchema(settings, { io: 'input', target: 'draft-7', unrepresentable: 'any' });
}
