/**
 * What a request was made of is gone with its answer. Held by anything that lives long, it would wait for a full collection, and every
 * small one would copy it until then: that is what makes one login in a hundred slow.
 */
import { once } from 'node:events';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { Agent, request } from 'node:http';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { App } from '../../src/app.ts';
import { openApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import type { Town } from '../flows/batch/town.ts';
import { openTown } from '../flows/batch/town.ts';

const REQUESTS = 800;
const AT_ONCE = 4;

const CLIENT = {
  clientId: 'machine',
  secret: 'secret-of-the-machine-0123456789',
  grantTypes: ['client_credentials'],
  redirectUris: [],
};

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as (options: { type: 'minor' }) => void;

let town: Town;
let app: App;
beforeAll(async () => {
  town = await openTown({
    target: { kind: 'generic' },
    app: false,
    change: (settings) => {
      settings.provider.clients.push(CLIENT);
    },
  });
  app = await openApp(loadConfig(town.configFile));
});
afterAll(async () => {
  await app?.close();
  await town?.close();
});

/** Kilobytes that a request leaves behind among what lives long, of requests that overlap. */
async function left(path: string, more: RequestOptions, body?: string): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  const ask = async () => {
    const asked = request(`${town.issuer}${path}`, { ...more, agent });
    asked.end(body);
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    expect(answer.statusCode).toBe(200);
    await once(answer.resume(), 'end');
  };
  const askAll = (times: number) =>
    Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (let i = 0; i < times / AT_ONCE; i++) {
          await ask();
          if (i % 10 === 0) collect({ type: 'minor' });
        }
      }),
    );
  await askAll(REQUESTS);
  const before = livingLong();
  await askAll(REQUESTS);
  const after = livingLong();
  agent.destroy();
  return (after - before) / 1024 / REQUESTS;
}

const livingLong = () =>
  getHeapSpaceStatistics().find(({ space_name: name }) => name === 'old_space')!.space_used_size;

describe('an answered request is gone with the next small collections', () => {
  test('of the library’s own endpoints', async () => {
    // What V8 itself learns is among it; with the library's context it would be 8.
    expect(await left('/jwks', {})).toBeLessThan(5);
  });

  test('of those that ask our database meanwhile, and carry a form', async () => {
    const form = new URLSearchParams({ grant_type: 'client_credentials' }).toString();
    const headers = {
      authorization: `Basic ${Buffer.from(`${CLIENT.clientId}:${CLIENT.secret}`).toString('base64')}`,
      'content-type': 'application/x-www-form-urlencoded',
    };
    // A token that is remembered for a minute is among it; with the library's context it would be 14.
    expect(await left('/token', { method: 'POST', headers }, form)).toBeLessThan(9);
  });
});
