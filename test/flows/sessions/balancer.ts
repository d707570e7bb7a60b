/** A load balancer before several nodes, as plain as they come: each connection goes to the next node that takes it. */
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';

export interface Balancer {
  readonly origin: string;
  /** The nodes' ports, in the order in which they are asked. */
  nodes: readonly number[];
  /** Ends all connections; whoever wants one more gets it from the nodes that there are now. */
  cut(): void;
  close(): Promise<void>;
}

export async function openBalancer(): Promise<Balancer> {
  let turn = 0;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    open.add(client);
    client.once('close', () => open.delete(client));
    client.on('error', () => client.destroy());
    const { nodes } = balancer;
    const order = nodes.map((_, index) => nodes[(turn + index) % nodes.length]!);
    turn += 1;
    reach(order).then(
      (node) => {
        node.on('error', () => client.destroy());
        client.once('close', () => node.destroy());
        client.pipe(node).pipe(client);
      },
      () => client.destroy(),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const balancer: Balancer = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    nodes: [],
    cut: () => {
      for (const socket of open) socket.destroy();
    },
    close: async () => {
      balancer.cut();
      server.close();
      await once(server, 'close');
    },
  };
  return balancer;
}

/** The first that accepts; a node that is not there refuses, and nothing was sent to it yet. */
async function reach([port, ...others]: readonly number[]): Promise<Socket> {
  if (port === undefined) throw new Error('no node is there');
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return socket;
  } catch {
    return reach(others);
  }
}
