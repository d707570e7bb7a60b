/** What a request may say about where it comes from, and what every answer says to browsers. */
import Koa from 'koa';
import { afterAll, expect, test } from 'vitest';
import type { Listener } from '../../src/listener.ts';
import { listen } from '../../src/listener.ts';
import { guard, securityHeaders } from '../../src/provider/guard.ts';
import { Browser } from '../support/browser.ts';

const open: Listener[] = [];
afterAll(async () => {
  for (const listener of open) await listener.close(0);
});

/** Answers the address that limits are counted by. */
async function door(issuer: string, trustedProxies: readonly string[]) {
  const app = new Koa({ proxy: true, maxIpsCount: 1 });
  app.use(securityHeaders(issuer));
  app.use(guard({ issuer, trustedProxies }));
  app.use((ctx) => {
    ctx.body = ctx.ip;
  });
  const listener = await listen(app.callback(), { host: '127.0.0.1', port: 0 });
  open.push(listener);
  const { host } = new URL(issuer);
  return (headers: Record<string, string> = {}) =>
    new Browser().visit(`http://127.0.0.1:${listener.port}/`, { headers: { host, ...headers } });
}

test('the address is the one that the listed proxy has seen, whatever the client wrote before it', async () => {
  const ask = await door('https://id.example', ['127.0.0.1']);
  for (const [sent, counted] of [
    ['1.2.3.4, 5.6.7.8', '5.6.7.8'],
    ['5.6.7.8', '5.6.7.8'],
    ['9.9.9.9,8.8.8.8 , ::ffff:5.6.7.8', '5.6.7.8'],
    ['5.6.7.8, unknown', '127.0.0.1'],
    ['5.6.7.8, 5.6.7.8:80', '127.0.0.1'],
  ] as const)
    expect([sent, (await ask({ 'x-forwarded-for': sent })).body]).toEqual([sent, counted]);
  expect((await ask({ forwarded: 'for=5.6.7.8', 'x-real-ip': '5.6.7.8' })).body).toBe('127.0.0.1');
});

test('from a peer that is not listed nothing is believed', async () => {
  const ask = await door('https://id.example', ['10.0.0.1']);
  expect((await ask({ 'x-forwarded-for': '5.6.7.8' })).body).toBe('127.0.0.1');
});

test('an https issuer is kept on https by the browser; a loopback one in clear is not', async () => {
  const secure = await (await door('https://id.example', []))();
  expect(secure.headers['strict-transport-security']).toBe('max-age=31536000; includeSubDomains');
  const clear = await (await door('http://127.0.0.1:8080', []))();
  expect(clear.headers['strict-transport-security']).toBeUndefined();
});
