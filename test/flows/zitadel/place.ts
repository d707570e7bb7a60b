/** Where the flows run: against the stand-in, or (`npm run test:zitadel`) against a ZITADEL that somebody has. */
import { test } from 'vitest';
import { freePort } from '../../support/ports.ts';
import { isRealWanted } from './real.ts';

const isWanted = isRealWanted();

export interface Facade {
  readonly issuer: string;
  readonly host: string;
  readonly port: number;
}

export async function facadePlace(env: NodeJS.ProcessEnv = process.env): Promise<Facade> {
  if (!isWanted || !env.FACADE_URL) {
    const port = await freePort();
    return { issuer: `http://127.0.0.1:${port}`, host: '127.0.0.1', port };
  }
  const { origin, port, protocol } = new URL(env.FACADE_URL);
  const [host = '127.0.0.1', listening = port || (protocol === 'https:' ? '443' : '80')] =
    env.FACADE_LISTEN?.split(':') ?? [];
  return { issuer: origin, host, port: Number(listening) };
}

/** A test of what only the stand-in can do; against a real ZITADEL it is skipped, and its title says why. */
export function standInTest(title: string, why: string, run: () => Promise<void>): void {
  test.skipIf(isWanted)(isWanted ? `${title} [skipped: ${why}]` : title, run);
}

export const isStandIn = !isWanted;
