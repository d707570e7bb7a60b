import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export interface Requirement {
  /** The first of the binaries that is installed. */
  readonly path: string | undefined;
  readonly skip: boolean;
  /** For the title: `slapd`, or `slapd [skipped: slapd is not installed]`. */
  readonly name: string;
}

/** Servers are in sbin, which is not on everybody's PATH. */
const ALSO = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin'];

/**
 * A program a test needs: `const mariadb = requires('MariaDB', 'mariadbd', 'mysqld')` and then
 * `describe.skipIf(mariadb.skip)(mariadb.name, …)`. A missing one skips by name; with
 * FOOTBRIDGE_REQUIRE_SERVERS=1 it fails the file. `label` alone is also the binary's name.
 */
export function requires(label: string, ...binaries: string[]): Requirement {
  const wanted = binaries.length > 0 ? binaries : [label];
  const path = wanted.map(find).find((found) => found !== undefined);
  if (path) return { path, skip: false, name: label };
  const missing = `${wanted.join(' or ')} is not installed`;
  if (process.env.FOOTBRIDGE_REQUIRE_SERVERS === '1') throw new Error(`${label}: ${missing}`);
  return { path: undefined, skip: true, name: `${label} [skipped: ${missing}]` };
}

function find(binary: string): string | undefined {
  const folders = binary.includes('/') ? [''] : [...(process.env.PATH ?? '').split(delimiter), ...ALSO];
  return folders.map((folder) => join(folder, binary)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
