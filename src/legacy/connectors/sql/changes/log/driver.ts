/** Drivers of logs, which are not installed with everything else: who reads a log adds the one of their database. */
import { createRequire } from 'node:module';
import { FootbridgeError } from '../../../../../errors.ts';

/** The versions this was written for. */
const VERSIONS = { 'pg-logical-replication': '2.5.0', '@powersync/mysql-zongji': '0.6.2' } as const;
export type LogDriver = keyof typeof VERSIONS;

const here = createRequire(import.meta.url);

/** What to do about a driver that is not there; undefined where it is. */
export function missingLogDriver(name: LogDriver): string | undefined {
  try {
    here.resolve(name);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'MODULE_NOT_FOUND'
      ? `the driver of the log is not installed: npm install ${name}@${VERSIONS[name]}`
      : undefined;
  }
}

function assertInstalled(name: LogDriver): void {
  const missing = missingLogDriver(name);
  if (missing) throw new FootbridgeError('config_invalid', { detail: `sql.changes: ${missing}` });
}

/** Throws config_invalid with the line that installs it. */
export async function loadReplication(): Promise<typeof import('pg-logical-replication')> {
  assertInstalled('pg-logical-replication');
  return import('pg-logical-replication');
}

/** Throws config_invalid with the line that installs it. */
export async function loadZongji(): Promise<typeof import('@powersync/mysql-zongji').ZongJi> {
  assertInstalled('@powersync/mysql-zongji');
  const { ZongJi } = await import('@powersync/mysql-zongji');
  return ZongJi;
}
