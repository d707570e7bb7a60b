/** The queue in NATS JetStream keeps the contract, on a real server. */
import { afterAll, beforeAll, describe } from 'vitest';
import type { Nats } from '../../servers/nats.ts';
import { requiresNats, startNats } from '../../servers/nats.ts';
import { changeQueueContract } from './change-queue-contract.ts';
import { openNatsPlace } from './nats-place.ts';

const nats = requiresNats();

describe.skipIf(nats.skip)(nats.name, () => {
  let server: Nats;
  beforeAll(async () => {
    server = await startNats();
  });
  afterAll(() => server?.stop());

  changeQueueContract('the queue in NATS', () => openNatsPlace(server));
});
