/**
 * Puts the net around every file of tests. Learnt is what a `Secret` reveals, what a browser of ours types, and what
 * answers hand out; looked at is what our processes write to their logs, and every page, problem and metric that they
 * answer. `canary-grep.ts` reads what was caught.
 */
import childProcess from 'node:child_process';
import diagnostics from 'node:diagnostics_channel';
import fs from 'node:fs';
import type { ServerResponse } from 'node:http';
import http from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { Secret } from '../../src/settings.ts';
import type { Answer, Visit } from '../support/browser.ts';
import type { SeenAnswer } from './answers.ts';
import { isForPeople, learnHandedOut } from './answers.ts';
import type { Place } from './net.ts';
import { Net } from './net.ts';
import { keepCatch } from './net-catch.ts';

const ROOT = join(import.meta.dirname, '../..');
const net = new Net();

const { reveal } = Secret.prototype;
Secret.prototype.reveal = function (this: Secret) {
  const value = reveal.call(this);
  net.learn('a secret of the settings or of a person', value);
  return value;
};

/** What servers in this process answer. The body of one answer is a text, however many pieces it was written in. */
const bodies = new WeakMap<ServerResponse, Buffer[]>();
/** No page is that long; what is, is somebody’s list in JSON. */
const MAX_PIECES = 64;
const keep = (res: ServerResponse, chunk: unknown, encoding: unknown) => {
  if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) return;
  const kept = bodies.get(res) ?? [];
  if (kept.length >= MAX_PIECES) return;
  kept.push(Buffer.from(chunk as string, typeof encoding === 'string' ? (encoding as 'utf8') : 'utf8'));
  bodies.set(res, kept);
};
const { write, end } = http.ServerResponse.prototype;
http.ServerResponse.prototype.write = function (this: ServerResponse, ...args: unknown[]) {
  keep(this, args[0], args[1]);
  return Reflect.apply(write, this, args);
} as typeof write;
http.ServerResponse.prototype.end = function (this: ServerResponse, ...args: unknown[]) {
  keep(this, args[0], args[1]);
  const path = (this.req?.url ?? '').split('?')[0]!;
  const headers = this.getHeaders() as Record<string, string | string[] | undefined>;
  lookAt({
    status: this.statusCode,
    path,
    headers,
    body: Buffer.concat(bodies.get(this) ?? []).toString('utf8'),
  });
  bodies.delete(this);
  return Reflect.apply(end, this, args);
} as typeof end;

/** What servers in other processes answer to our browser, and what is typed into it. */
diagnostics.subscribe('footbridge.test.visit', (message) => {
  const { visit } = message as { readonly visit: Visit };
  for (const [name, value] of Object.entries(visit.form ?? {}))
    if (/^(password|code|refresh_token|client_secret|client_assertion)$/.test(name))
      net.learn(`what was typed as ${name}`, value);
  const [kind, credentials = ''] = (visit.headers?.authorization ?? '').split(' ');
  if (kind === 'Bearer') net.learn('an access token', credentials);
  if (kind === 'Basic')
    net.learn('a client secret', Buffer.from(credentials, 'base64').toString().split(':')[1] ?? '');
});
diagnostics.subscribe('footbridge.test.answer', (message) => {
  const { status, headers, url, body } = message as Answer;
  lookAt({ status, path: new URL(url).pathname, headers, body });
});

function lookAt(answer: SeenAnswer): void {
  learnHandedOut(net, answer);
  if (isForPeople(answer)) net.see(`answer of ${answer.path}`, answer.body);
}

/** The log of servers in this process: their logger writes to the descriptor itself. */
const log = (fd: unknown, chunk: unknown) => {
  if (fd === 2 && (typeof chunk === 'string' || chunk instanceof Uint8Array))
    net.see('log', Buffer.from(chunk as string).toString('utf8'));
};
const { write: writeFd, writeSync } = fs;
fs.write = Object.assign((...args: unknown[]) => {
  log(args[0], args[1]);
  return Reflect.apply(writeFd, fs, args);
}, writeFd) as typeof writeFd;
fs.writeSync = ((...args: unknown[]) => {
  log(args[0], args[1]);
  return Reflect.apply(writeSync, fs, args);
}) as typeof writeSync;

/** The log of servers that are processes of their own: read as their parent reads it, and not when nobody does. */
const { spawn } = childProcess;
childProcess.spawn = ((...args: Parameters<typeof spawn>) => {
  const child = Reflect.apply(spawn, childProcess, args) as ReturnType<typeof spawn>;
  const line = child.spawnargs.join(' ');
  if (!line.includes('footbridge.js')) return child;
  listenTo(child.stderr, 'log of a process');
  // Other commands print to whoever asked for it, and for some that is a secret.
  if (/footbridge\.js start\b/.test(line)) listenTo(child.stdout, 'log of a server’s output');
  return child;
}) as typeof spawn;
syncBuiltinESMExports();

function listenTo(stream: { push(chunk: unknown, ...more: unknown[]): boolean } | null, place: Place): void {
  if (!stream) return;
  const push = stream.push.bind(stream);
  let rest = '';
  stream.push = (chunk, ...more) => {
    const lines = `${rest}${chunk === null ? '\n' : String(chunk)}`.split('\n');
    rest = lines.pop()!;
    for (const text of lines) if (text) net.see(place, text);
    return push(chunk, ...more);
  };
}

/** What is signed to be shown around: it opens nothing. */
const SIGNED = new Set(['receipts', 'sync_reports']);

/** Of a database of ours, before it goes: nothing in it opens anything. */
diagnostics.subscribe('footbridge.test.rows', (message) => {
  const { table, text } = message as { readonly table: string; readonly text: string };
  if (!SIGNED.has(table)) net.see(`table of ${table}`, text);
});

afterAll(() => {
  const { testPath } = expect.getState();
  if (testPath) keepCatch(ROOT, testPath, { ...net.seen(), hits: net.hits(), digests: net.digests() });
});
