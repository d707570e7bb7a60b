/** The driver is not installed with everything else: who outgrows one database adds it. */
import { createRequire } from 'node:module';
import { FootbridgeError } from '../../errors.ts';

export interface NatsDriver {
  readonly transport: typeof import('@nats-io/transport-node');
  readonly jetstream: typeof import('@nats-io/jetstream');
}

const PACKAGES = ['@nats-io/transport-node', '@nats-io/jetstream'];
/** As an operator types it. */
const INSTRUCTION = 'its driver is not installed: npm install @nats-io/transport-node@3 @nats-io/jetstream@3';

const here = createRequire(import.meta.url);

/** What to do about a driver that is not there; undefined where it is. */
export function missingNatsDriver(packages: readonly string[] = PACKAGES): string | undefined {
  try {
    for (const name of packages) here.resolve(name);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND' ? INSTRUCTION : undefined;
  }
}

/** Throws config_invalid with the line that installs it. */
export async function loadNatsDriver(packages: readonly string[] = PACKAGES): Promise<NatsDriver> {
  const missing = missingNatsDriver(packages);
  if (missing) throw new FootbridgeError('config_invalid', { detail: `nats: ${missing}` });
  const [transport, jetstream] = await Promise.all([
    import('@nats-io/transport-node'),
    import('@nats-io/jetstream'),
  ]);
  return { transport, jetstream };
}
