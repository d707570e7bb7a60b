/**
 * Whether everything that is shipped may be: `npm run licences` reads the lock file, prints who stands under what, and exits
 * with 1 where a licence is unknown or asks something of those who run us (docs/deploying.md says what is allowed and why).
 */
import { resolve } from 'node:path';
import type { Lockfile } from './lockfile.ts';
import { nameOf, readLockfile, shipped } from './lockfile.ts';

/** SPDX identifiers. Permissive ones: they ask for their notice to be kept, which every package brings along itself. */
export const ALLOWED: ReadonlySet<string> = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
  'MIT-0',
  'PostgreSQL',
]);

export interface Judgement {
  /** Packages by licence. */
  readonly allowed: ReadonlyMap<string, readonly string[]>;
  readonly refused: readonly { readonly name: string; readonly licence: string }[];
}

export function judge(lock: Lockfile): Judgement {
  const rows = shipped(lock).map(([folder, { version = '?', license = 'none' }]) => ({
    name: `${nameOf(folder)}@${version}`,
    licence: license,
  }));
  const good = rows.filter(({ licence }) => isAllowed(licence));
  const allowed = Map.groupBy(good, ({ licence }) => licence);
  return {
    allowed: new Map([...allowed].map(([licence, those]) => [licence, those.map(({ name }) => name)])),
    refused: rows.filter(({ licence }) => !isAllowed(licence)),
  };
}

/** One identifier, or a choice between several of which one is allowed. What is more than that, somebody has to read. */
export function isAllowed(licence: string): boolean {
  const choices = licence.replace(/^\((.*)\)$/, '$1').split(' OR ');
  return choices.some((one) => ALLOWED.has(one.trim()));
}

function main(): number {
  const { allowed, refused } = judge(readLockfile(resolve(import.meta.dirname, '..')));
  const sorted = [...allowed].sort(([, a], [, b]) => b.length - a.length);
  for (const [licence, names] of sorted) process.stdout.write(`${licence}: ${names.length}\n`);
  for (const { name, licence } of refused)
    process.stderr.write(
      `${name} stands under “${licence}”, which nobody has allowed: read it, then add it to packaging/licences.ts or do without.\n`,
    );
  return refused.length === 0 ? 0 : 1;
}

if (process.argv[1] === import.meta.filename) process.exitCode = main();
