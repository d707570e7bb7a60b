/** What a server cannot change while it runs. */
import type { ConfigProblem, Settings } from './config.ts';
import { spotOf } from './config-sources.ts';
import { Secret } from './settings.ts';

const FIXED: readonly (readonly string[])[] = [
  ['listen', 'public'],
  ['listen', 'private'],
  // Sessions, keys and logins under way are in one database, under one key, of one issuer.
  ['database', 'url'],
  ['masterKey'],
  ['provider', 'issuer'],
];

/** Those that differ, each with its place in the new file. */
export function fixedProblems(before: Settings, after: Settings): readonly ConfigProblem[] {
  return FIXED.filter((path) => plain(at(before, path)) !== plain(at(after, path))).map((path) => ({
    ...(spotOf(after, path) ?? { file: 'the settings', line: 1, column: 1 }),
    path: path.join('.'),
    message: 'cannot change while the server runs: restart it for that',
  }));
}

const at = (value: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((inner, name) => (inner as Readonly<Record<string, unknown>>)[name], value);

/** Compared in memory only. */
const plain = (value: unknown): string => JSON.stringify(revealed(value));

function revealed(value: unknown): unknown {
  if (value instanceof Secret) return value.reveal();
  if (Array.isArray(value)) return value.map(revealed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, revealed(inner)]));
}
