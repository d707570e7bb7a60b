import { randomInt } from 'node:crypto';
import { listen } from '../../src/listener.ts';

/**
 * A port that is free now and stays so until it is used: from below the range that outgoing connections take theirs
 * from, where one may vanish between the look and the use.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; ; tries++) {
    const port = randomInt(13_000, 19_900);
    try {
      const probe = await listen(() => undefined, { host: '127.0.0.1', port });
      await probe.close(0);
      return port;
    } catch (error) {
      if (tries > 50) throw error;
    }
  }
}
