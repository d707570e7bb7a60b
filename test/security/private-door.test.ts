/** What the private listener gives to whom: nothing without a credential but health and figures, and these to no other site's page. */
import { connect } from 'node:net';
import Koa from 'koa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { calledBy } from '../../src/admin/called-by.ts';
import type { FootbridgeError } from '../../src/errors.ts';
import type { Listener } from '../../src/listener.ts';
import { listen } from '../../src/listener.ts';

let listener: Listener;
beforeAll(async () => {
  const app = new Koa();
  app.silent = true;
  app.use(async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      ctx.status = (error as FootbridgeError).status;
      ctx.body = (error as FootbridgeError).code;
    }
  });
  app.use(calledBy({ host: '127.0.0.1', origin: 'https://console.example', names: ['Node-1.corp.example'] }));
  app.use((ctx) => {
    ctx.body = 'figures';
  });
  listener = await listen(app.callback(), { host: '127.0.0.1', port: 0 });
});
afterAll(() => listener?.close(0));

/** Byte for byte, as no client library would send it. */
const ask = (...lines: string[]) =>
  new Promise<string>((resolve, reject) => {
    const socket = connect(listener.port, '127.0.0.1', () => socket.end([...lines, '', ''].join('\r\n')));
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(answer.split(' ')[1] ?? ''));
  });
const named = (host: string) => ask('GET /metrics HTTP/1.1', `Host: ${host}`, 'Connection: close');

test.each([
  ['an address', '127.0.0.1:8081'],
  ['an address of IPv6', '[::1]:8081'],
  ['the address of a pod', '10.1.2.3:8081'],
  ['localhost', 'localhost:8081'],
  ['a service of compose', 'footbridge:8081'],
  ['a service of Kubernetes', 'footbridge.login.svc:8081'],
  ['a service of Kubernetes in full', 'footbridge.login.svc.cluster.local.:8081'],
  ['the console’s name', 'CONSOLE.example'],
  ['a name of the settings', 'node-1.CORP.example:8081'],
])('is answered under %s', async (_what, host) => {
  expect(await named(host)).toBe('200');
});

test.each([
  ['a name that somebody could register', 'rebind.attacker.example:8081'],
  ['an address as a part of a name', '127.0.0.1.attacker.example:8081'],
  ['a name that ends like one inside', 'evil-localhost.example:8081'],
  ['a name that only begins like ours', 'console.example.attacker.example'],
  ['a name with a user before it', 'localhost@attacker.example'],
  ['a path', 'attacker.example/localhost'],
  ['nothing', ''],
])('is not answered under %s', async (_what, host) => {
  expect(await named(host)).not.toBe('200');
});

test('two names are one too many, and none is no browser’s request', async () => {
  expect(
    await ask('GET / HTTP/1.1', 'Host: localhost', 'Host: attacker.example', 'Connection: close'),
  ).not.toBe('200');
  expect(await ask('GET / HTTP/1.0')).toBe('200');
});
