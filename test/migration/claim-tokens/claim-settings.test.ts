/** What an operator may get wrong in the settings of claim tokens, and what the file's check says of it. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import type { ConfigProblem } from '../../../src/config.ts';
import { ConfigError, parseConfig } from '../../../src/config.ts';

const FILE = resolve(import.meta.dirname, '../../../example/footbridge.yaml');
const EXAMPLE = readFileSync(FILE, 'utf8');
const names = [...EXAMPLE.matchAll(/\$\{(\w+)\}/g)].map((match) => match[1]!);
const env = Object.fromEntries([
  ...names.map((name) => [name, `postgres://${'x'.repeat(40)}`]),
  ['FOOTBRIDGE_MASTER_KEY', randomBytes(32).toString('base64')],
]) as NodeJS.ProcessEnv;

// biome-ignore lint/suspicious/noExplicitAny: the file as an operator writes it
type File = Record<string, any>;

function problemsOf(change: (file: File) => void): {
  readonly text: string;
  readonly problems: readonly ConfigProblem[];
} {
  const file = parse(EXAMPLE) as File;
  change(file);
  const text = stringify(file);
  try {
    parseConfig(text, { file: 'footbridge.yaml', env });
    return { text, problems: [] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { text, problems: error.problems };
  }
}

const targetOf = (file: File) => file.targets.find((one: File) => one.name === 'hub');

test('the example is well', () => {
  expect(problemsOf(() => undefined).problems).toEqual([]);
});

test.each<[string, (file: File) => void, string, string]>([
  ['a target that there is not', (f) => (f.claimTokens[0].target = 'hubb'), 'target', 'no target hubb'],
  ['a target nobody can sign in at', (f) => delete targetOf(f).signIn, 'target', 'hub needs `signIn`'],
  ['a target twice', (f) => f.claimTokens.push({ target: 'hub' }), '1.target', 'hub is here twice'],
  [
    'organizations of a target that has none',
    (f) => {
      const { hub: _, ...more } = targetOf(f);
      f.targets[1] = { ...more, kind: 'generic', signIn: { issuer: 'https://id.example', clientId: 'x' } };
    },
    'organizations',
    'only a hub',
  ],
  [
    'organizations that no store tells of',
    (f) => delete f.legacy.mapping.organizations,
    'organizations',
    'needs `mapping.organizations` of the legacy store',
  ],
  [
    'memberships that nothing deletes',
    (f) => (f.claimTokens[0].organizations.deleteLegacyMemberships = true),
    'organizations.deleteLegacyMemberships',
    'needs `writes.endMemberships`',
  ],
  ['people whom nothing makes', (f) => (f.claimTokens[0].unknown = 'create'), 'unknown', 'createPerson'],
  [
    'a role that is misspelt',
    (f) => (f.claimTokens[0].organizations.role = {}),
    'organizations.role',
    'no such setting',
  ],
  [
    'a day that there is not',
    (f) => (f.claimTokens[0].enforcement[0].from = '2027-02-30'),
    'enforcement.0.from',
    'expected a day like 2026-03-01',
  ],
  [
    'a day in another form',
    (f) => (f.claimTokens[0].enforcement[0].from = '1.3.2027'),
    'enforcement.0.from',
    'expected a day like 2026-03-01',
  ],
  [
    'a rule’s name that no command could say',
    (f) => (f.claimTokens[0].enforcement[0].name = 'The Customers'),
    'enforcement.0.name',
    'expected up to 63 of a-z, 0-9 and -',
  ],
  [
    'two rules of one name',
    (f) => f.claimTokens[0].enforcement.push(f.claimTokens[0].enforcement[0]),
    'enforcement.1.name',
    'two rules named everybody',
  ],
  ['links that are good for a week', (f) => (f.claimTokens[0].ttlHours = 168), 'ttlHours', '72'],
])('%s is told with its place', (_what, change, path, words) => {
  const { text, problems } = problemsOf(change);
  const whole = `claimTokens.${/^\d/.test(path) ? path : `0.${path}`}`;
  const told = problems.find((one) => one.path === whole);
  expect(told, JSON.stringify(problems)).toBeDefined();
  expect(told?.message).toContain(words);
  expect(told?.file).toBe('footbridge.yaml');
  // Within the part of the file that is about claim tokens.
  const begins = text.split('\n').indexOf('claimTokens:') + 1;
  expect(told?.line).toBeGreaterThan(begins);
});
