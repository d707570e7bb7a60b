/** Which files the settings name just now, and whether they are still the same. */
import { glob, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FootbridgeError } from '../../../errors.ts';
import { MAX_FILES } from './export-file-settings.ts';

export interface FoundFile {
  readonly path: string;
  /** Another one where the file was replaced or written to. */
  readonly version: string;
}

/** In the order of the settings, and of names within a folder. Throws legacy_unavailable where one is missing. */
export async function findFiles(patterns: readonly string[]): Promise<readonly FoundFile[]> {
  const paths: string[] = [];
  for (const pattern of patterns) {
    const found = await expand(pattern);
    if (found.length === 0) throw missing(pattern);
    paths.push(...found);
    if (paths.length > MAX_FILES)
      throw new FootbridgeError('legacy_unavailable', { detail: `${pattern}: more than ${MAX_FILES} files` });
  }
  return Promise.all(paths.map(async (path) => ({ path, version: await versionOf(path) })));
}

async function expand(pattern: string): Promise<string[]> {
  const found = await stat(pattern).catch(() => undefined);
  if (found?.isDirectory()) {
    const entries = await readdir(pattern, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
      .map((entry) => join(pattern, entry.name))
      .sort();
  }
  if (found) return [pattern];
  const matching: string[] = [];
  if (/[*?[{]/.test(pattern)) for await (const path of glob(pattern)) matching.push(path);
  return matching.sort();
}

async function versionOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs].join(':');
  } catch {
    throw missing(path);
  }
}

const missing = (path: string) =>
  new FootbridgeError('legacy_unavailable', { detail: `there is no file ${path}`, retryAfterSeconds: 2 });
