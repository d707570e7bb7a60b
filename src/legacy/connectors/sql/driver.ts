/** Drivers that are not installed with everything else, as few need them. */
import { createRequire } from 'node:module';
import { FootbridgeError } from '../../../errors.ts';

/** The versions this was written for. */
const VERSIONS = { tedious: '20.3.9', oracledb: '26.0.0' } as const;
export type OptionalDriver = keyof typeof VERSIONS;

const here = createRequire(import.meta.url);

/** What to do about a driver that is not there; undefined where it is. */
export function missingDriver(name: OptionalDriver): string | undefined {
  try {
    here.resolve(name);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'MODULE_NOT_FOUND' ? instruction(name) : undefined;
  }
}

const instruction = (name: OptionalDriver) =>
  `its driver is not installed: npm install ${name}@${VERSIONS[name]}`;

/** Throws config_invalid with the line that installs it. */
export async function loadDriver<Driver>(name: OptionalDriver): Promise<Driver> {
  try {
    const loaded = await import(here.resolve(name));
    return loaded.default ?? loaded;
  } catch {
    throw new FootbridgeError('config_invalid', { detail: `sql.engine: ${instruction(name)}` });
  }
}
