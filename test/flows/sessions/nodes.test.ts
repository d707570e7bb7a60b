/** Several nodes on one database: whichever a browser reaches, it is the same Footbridge. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browser, field } from '../../support/browser.ts';
import type { Server } from '../server.ts';
import { startServer, until } from '../server.ts';
import type { World } from '../world.ts';
import { authorizationUrl, claimsOf, openWorld, person } from '../world.ts';
import type { Balancer } from './balancer.ts';
import { openBalancer } from './balancer.ts';

let world: World;
let balancer: Balancer;
let nodes: Server[];

const start = () =>
  startServer(world, (settings) => {
    settings.provider.issuer = balancer.origin;
    settings.provider.login = { failureFloorMs: 0, accountFailures: 5 };
    settings.log = { level: 'info' };
  });

beforeAll(async () => {
  [world, balancer] = await Promise.all([openWorld(), openBalancer()]);
  nodes = [await start(), await start()];
  balancer.nodes = nodes.map(({ port }) => port);
}, 120_000);
afterAll(async () => {
  for (const node of nodes ?? []) node.process.kill('SIGKILL');
  await balancer?.close();
  await world?.close();
});

const entrance = () => authorizationUrl({ ...world, issuer: balancer.origin });
const typed = (login: string, page: { body: string }, password = person(login).password) => ({
  form: { username: login, password, form_token: field(page.body, 'form_token') ?? '' },
});
const pathOf = ({ url }: { url: string }) => url.split('?')[0]!;
/** From the way in to the code, on whatever node. */
async function logIn(login: string, browser = new Browser()) {
  const page = await browser.follow(entrance(), world.callback);
  return browser.follow(pathOf(page), world.callback, typed(login, page));
}

describe('two nodes', () => {
  test('take turns within one login, and each code is good at the other', async () => {
    const browser = new Browser();
    const [first, second] = nodes as [Server, Server];
    balancer.nodes = [first.port];
    const page = await browser.follow(entrance(), world.callback);
    balancer.nodes = [second.port];
    const shown = await browser.visit(pathOf(page), typed('anna', page));
    balancer.nodes = [first.port];
    const end = await browser.follow(shown.location!, world.callback);
    balancer.nodes = [second.port];
    const claims = await claimsOf({ ...world, issuer: balancer.origin }, end.location);
    expect(claims).toMatchObject({ preferred_username: 'anna' });
    const again = await browser.follow(entrance(), world.callback);
    expect(again.location).toContain('code=');
    balancer.nodes = nodes.map(({ port }) => port);
  });

  test('count wrong passwords together', async () => {
    const browser = new Browser();
    const page = await browser.follow(entrance(), world.callback);
    const statuses: number[] = [];
    for (let tries = 0; tries < 7; tries++) {
      const { status } = await browser.visit(pathOf(page), typed('zoe', page, 'wrong'));
      statuses.push(status);
    }
    expect(statuses.slice(0, 5)).toEqual([401, 401, 401, 401, 401]);
    expect(statuses.slice(5)).toEqual([429, 429]);
  });

  test('are restarted one after the other while 20 people a second log in, and nobody notices', async () => {
    const failures: string[] = [];
    let done = 0;
    const under = new Set<Promise<void>>();
    const people = ['anna', 'juergen', 'tomasz', 'lars', 'priya'];
    const timer = setInterval(() => {
      const login = people[done % people.length]!;
      const one = logIn(login)
        .then(({ location, status, body }) => {
          if (!location?.includes('code=')) failures.push(`${login}: ${status} ${body.slice(0, 200)}`);
        })
        .catch((error: Error) => void failures.push(`${login}: ${error.message}`))
        .finally(() => {
          done += 1;
          under.delete(one);
        });
      under.add(one);
    }, 50);
    for (const index of [0, 1]) {
      const before = done;
      await until(async () => done > before + 20, 60_000);
      const old = nodes[index]!;
      old.process.kill('SIGTERM');
      // As a balancer's health check does: who is not ready gets nobody any more.
      await until(async () => (await new Browser().visit(`${old.inside}/readyz`)).status !== 200);
      balancer.nodes = nodes.filter((node) => node !== old).map(({ port }) => port);
      expect(await old.exited).toBe(0);
      nodes[index] = await start();
      balancer.nodes = nodes.map(({ port }) => port);
    }
    const before = done;
    await until(async () => done > before + 20, 60_000);
    clearInterval(timer);
    await Promise.all(under);
    expect(failures).toEqual([]);
    expect(done).toBeGreaterThan(60);
  }, 180_000);
});
