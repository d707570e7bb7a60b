/** The driver is not installed with everything else: who has a store in MongoDB adds it. */
import { createRequire } from 'node:module';
import { FootbridgeError } from '../../../errors.ts';

export type Driver = typeof import('mongodb');

/** As an operator types it. Version 6 speaks to servers from 4.0 on. */
const INSTRUCTION = 'its driver is not installed: npm install mongodb@6';

const here = createRequire(import.meta.url);

/** What to do about a driver that is not there; undefined where it is. */
export function missingDriver(name = 'mongodb'): string | undefined {
  try {
    here.resolve(name);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND' ? INSTRUCTION : undefined;
  }
}

/** Throws config_invalid with the line that installs it. */
export async function loadDriver(name = 'mongodb'): Promise<Driver> {
  const missing = missingDriver(name);
  if (missing) throw new FootbridgeError('config_invalid', { detail: `mongodb: ${missing}` });
  return import('mongodb');
}
