/** What the net caught in one file of tests, kept until `canary-grep.ts` reads all of it. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Hit, Seen } from './net.ts';

export const CATCHES = 'test-output/canaries';

export interface Catch extends Seen {
  readonly hits: readonly Hit[];
  readonly digests: readonly string[];
}

export interface FileCatch extends Catch {
  /** Relative to the root. */
  readonly file: string;
}

/** A later run of the same file writes over it. */
export function keepCatch(root: string, testPath: string, caught: Catch): void {
  const file = relative(root, testPath);
  mkdirSync(join(root, CATCHES), { recursive: true });
  writeFileSync(
    join(root, CATCHES, `${file.replaceAll('/', '__')}.json`),
    JSON.stringify({ file, ...caught }),
  );
}

/** Of files that are there still. */
export function readCatches(root: string): FileCatch[] {
  const folder = join(root, CATCHES);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as FileCatch)
    .filter(({ file }) => existsSync(join(root, file)));
}
