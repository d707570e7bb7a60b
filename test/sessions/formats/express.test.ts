import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import session, { type Session, type Store } from 'express-session';
import { describe, expect, test } from 'vitest';
import { express } from '../../../src/sessions/formats/express.ts';
import { NEW_SESSION, opened, sessionFormatContract, sessionVectors } from './session-format-contract.ts';

const SECRETS = ['the key of now', 'the key before'];
const SETTINGS = { secrets: SECRETS };

sessionFormatContract({
  format: express,
  vectors: sessionVectors('express'),
  writing: [
    SETTINGS,
    { ...SETTINGS, userField: 'user.id', userIs: 'text', cookie: { secure: true, sameSite: 'lax' } },
  ],
  foreign: (settings) => ({ ...settings, secrets: ['somebody else’s'] }),
  signs: { cookie: true },
});

test('an older key opens what it has signed, but signs nothing new', () => {
  const before = opened(express, { secrets: [SECRETS[1]] });
  const now = opened(express, SETTINGS);
  const { cookie, key } = before.newSession();
  expect(now.keyOf(cookie)).toBe(key);
  expect(before.keyOf(now.newSession().cookie)).toBeUndefined();
});

test('a cookie with any one character changed finds nothing', () => {
  const open = opened(express, SETTINGS);
  const whole = decodeURIComponent(open.newSession().cookie);
  for (let at = 0; at < whole.length; at += 1) {
    const changed = whole.slice(0, at) + (whole[at] === 'A' ? 'B' : 'A') + whole.slice(at + 1);
    expect(open.keyOf(encodeURIComponent(changed))).toBeUndefined();
    expect(open.keyOf(encodeURIComponent(whole.slice(0, at)))).toBeUndefined();
  }
});

test.each(['{}', '{"passport":{"user":1}}', '{"cookie":null}', '{"cookie":7}'])(
  '%s is no session',
  (stored) => {
    expect(opened(express, SETTINGS).read(Buffer.from(stored))).toBeUndefined();
  },
);

test('a session says nothing of its end: what is only touched outlives what is written in it', () => {
  const open = opened(express, SETTINGS);
  expect(open.read(open.write(NEW_SESSION))).not.toHaveProperty('expiresAt');
});

describe('express-session itself', () => {
  const { MemoryStore } = session as unknown as { MemoryStore: new () => Store };

  /** Who the app takes a browser with this cookie for, and what it answers. */
  async function visit(sessions: Record<string, string>, cookie: string) {
    const store = Object.assign(new MemoryStore(), { sessions });
    const middleware = session({
      store,
      secret: SECRETS,
      resave: false,
      saveUninitialized: false,
      rolling: true,
    });
    const server = createServer((request, response) =>
      middleware(request, response, () =>
        response.end(JSON.stringify((request as { session?: Session }).session)),
      ),
    ).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const headers = { cookie: `connect.sid=${cookie}`, connection: 'close' };
    const answer = await fetch(`http://127.0.0.1:${port}/`, { headers });
    const content = (await answer.json()) as { passport?: { user?: unknown }; locale?: string };
    server.close();
    return { ...content, setCookie: answer.headers.get('set-cookie') };
  }

  test('knows who it is by what we wrote, and keeps its own cookie options', async () => {
    const open = opened(express, { ...SETTINGS, cookie: { sameSite: 'lax' } });
    const { cookie, key } = open.newSession();
    const now = Math.floor(Date.now() / 1_000);
    const stored = open.write({ ...NEW_SESSION, startedAt: now, expiresAt: now + 600 });
    const found = await visit({ [key]: Buffer.from(stored).toString() }, cookie);
    expect(found.passport?.user).toBe(42);
    expect(found.locale).toBe('de');
    expect(found.setCookie).toMatch(/^connect\.sid=.*Expires=.*; HttpOnly; SameSite=Lax$/);
    expect(open.keyOf(/^connect\.sid=([^;]+)/.exec(found.setCookie!)![1]!)).toBe(key);
  });

  test('knows nobody by a cookie of somebody else’s key', async () => {
    const { cookie, key } = opened(express, { secrets: ['another'] }).newSession();
    const stored = opened(express, SETTINGS).write(NEW_SESSION);
    const found = await visit({ [key]: Buffer.from(stored).toString() }, cookie);
    expect(found.passport).toBeUndefined();
  });
});
