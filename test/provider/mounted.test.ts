import { createServer } from 'node:http';
import Router from '@koa/router';
import Koa from 'koa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Listener } from '../../src/listener.ts';
import { listen } from '../../src/listener.ts';
import { mounted } from '../../src/provider/mounted.ts';

const seen: string[] = [];
let listener: Listener;
beforeAll(async () => {
  const guarded = new Router({ prefix: '/claim' });
  guarded.use((ctx, next) => {
    seen.push(ctx.path);
    return next();
  });
  guarded.get('/:id', (ctx) => {
    ctx.body = `claim ${ctx.params.id}`;
  });
  const first = new Router();
  first.get('/hooks/one', (ctx) => {
    ctx.body = 'one';
  });
  const second = new Router();
  second.get('/hooks/two', (ctx) => {
    ctx.body = 'two';
  });
  const app = new Koa();
  app.use(mounted([guarded, first, second]));
  app.use((ctx) => {
    ctx.body = 'after';
  });
  listener = await listen(createServer(app.callback()).listeners('request')[0] as never, {
    host: '127.0.0.1',
    port: 0,
  });
});
afterAll(() => listener.close(0));

const get = async (path: string) => (await fetch(`http://127.0.0.1:${listener.port}${path}`)).text();

describe('a request', () => {
  test.each([
    ['/claim/7', 'claim 7'],
    ['/hooks/one', 'one'],
    ['/hooks/two', 'two'],
    ['/hooks/three', 'after'],
    ['/CLAIM/7', 'claim 7'],
    ['/claimed/7', 'after'],
    ['/', 'after'],
  ])('for %s is answered by “%s”', async (path, expected) => {
    expect(await get(path)).toBe(expected);
  });

  test('passes a router’s own middleware only where the router has a route', async () => {
    seen.length = 0;
    await get('/hooks/one');
    expect(seen).toEqual([]);
    await get('/claim/8');
    expect(seen).toEqual(['/claim/8']);
  });
});

test('a route whose first segment is a pattern is refused at the start', () => {
  const router = new Router();
  router.get('/:anything', () => undefined);
  expect(() => mounted([router])).toThrow('begins with a pattern');
});
