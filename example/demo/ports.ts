/** The demo's ports: Footbridge's own, and what follows from it. */
import { InputError } from '../../src/cli-errors.ts';
import type { Listener } from '../../src/listener.ts';
import { listen, PortBusyError } from '../../src/listener.ts';

export const portsFrom = (port: number) => ({
  public: port,
  private: port + 1,
  shop: port + 10,
  target: port + 11,
  newApp: port + 12,
  story: port + 13,
});

export type Ports = ReturnType<typeof portsFrom>;

/** What `--port` was given. Throws InputError: the demo takes some above it as well. */
export function portOf(text: string): number {
  const port = Number(text);
  const highest = 65_535 - Math.max(...Object.values(portsFrom(0)));
  const isPort = Number.isInteger(port) && port >= 1 && port <= highest;
  if (!isPort) throw new InputError(`--port ${text}: expected a number from 1 to ${highest}.`);
  return port;
}

export interface Held {
  /** Footbridge's own; may be called again. */
  release(): Promise<void>;
}

/**
 * Before anything is started: a second demo must not take the first one's database down when it gives up. Footbridge's port is
 * kept meanwhile, so that of two that start at once one is told.
 */
export async function holdPorts({ public: own, ...others }: Ports): Promise<Held> {
  const starting = await hold(own);
  for (const port of Object.values(others)) {
    const probe = await hold(port).catch(async (error) => {
      await starting.close(0);
      throw error;
    });
    await probe.close(0);
  }
  let isHeld = true;
  return {
    async release() {
      if (isHeld) await starting.close(0);
      isHeld = false;
    },
  };
}

function hold(port: number): Promise<Listener> {
  return listen((_req, res) => res.writeHead(503).end('Starting …\n'), { host: '127.0.0.1', port }).catch(
    (error) => {
      if (!(error instanceof PortBusyError)) throw error;
      throw new PortBusyError(
        `Port ${port} is taken: is the demo running already? Stop it (ss -ltnp 'sport = :${port}' says who it is), or start this one elsewhere with --port 9080.`,
      );
    },
  );
}
