/** Something that takes every batch of identities at once and keeps nothing: so that only the sender is measured. Prints its port. */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

let users = 0;
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const answer = request.method === 'PATCH' ? taken(Buffer.concat(chunks)) : { users };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
});

function taken(body: Buffer): object {
  const { identities } = JSON.parse(body.toString()) as { identities: { patch_id: string }[] };
  users += identities.length;
  return {
    identities: identities.map(({ patch_id }) => ({ action: 'create', patch_id, identity: randomUUID() })),
  };
}

server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
process.stdin.on('end', () => process.exit(0)).resume();
