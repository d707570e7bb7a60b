/** A login's whole trace, as the SDK of whoever runs us collects it; and that nothing of a person is in it. */
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Person } from '../../example/demo/people.ts';
import type { App } from '../../src/app.ts';
import { openApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { openTracing, traceHeaders } from '../../src/observability/tracing.ts';
import type { Town } from '../flows/batch/town.ts';
import { ADMIN_TOKEN, openRelay, openTown, SHOP, subOf } from '../flows/batch/town.ts';
import { Browser, field } from '../support/browser.ts';
import type { StandInKratos } from '../support/kratos/index.ts';
import { startKratos } from '../support/kratos/index.ts';

vi.setConfig({ testTimeout: 60_000 });

const TOKEN = 'token-of-the-project-0123456789';
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const CALLER = '00f067aa0ba902b7';
const CANARY = 'canary-of-whoever-calls';
const AT_TARGET = 'https://app.example.com';

const kept = new InMemorySpanExporter();
let kratos: StandInKratos;
let relay: Awaited<ReturnType<typeof openRelay>>;
let town: Town;
let app: App;
let anna: Person;
let before: object;

beforeAll(async () => {
  // As `node --import` does it, before anything of ours is opened.
  before = { isOn: openTracing().isOn, headers: traceHeaders() };
  new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(kept)] }).register();
  kratos = await startKratos({ token: TOKEN });
  relay = await openRelay(() => kratos.url);
  town = await openTown({
    app: false,
    target: {
      kind: 'kratos',
      api: { url: relay.url, token: TOKEN, identityProvider: 'footbridge', perSecond: 1_000 },
      kratos: { traits: { username: 'username', givenName: 'name.first', familyName: 'name.last' } },
      move: { push: 'at-login' },
    },
  });
  app = await openApp(loadConfig(town.configFile));
  [anna] = (await town.settle([{}])) as [Person];
});
afterAll(async () => {
  await app?.close();
  await town?.close();
  await relay?.close();
  await kratos?.close();
  trace.disable();
});

const traceparent = (id: string) => `00-${id}-${CALLER}-01`;

/** Every request of one login says whose trace it belongs to. */
async function logIn({ login, password }: Person, id: string): Promise<string> {
  const browser = new Browser();
  const headers = { traceparent: traceparent(id), baggage: `who=${CANARY}` };
  const query = { client_id: 'legacy-shop', redirect_uri: SHOP, response_type: 'code', scope: 'openid' };
  const search = new URLSearchParams({ ...query, state: CANARY });
  const page = await browser.follow(`${town.issuer}/auth?${search}`, SHOP, { headers });
  const form_token = field(page.body, 'form_token') ?? '';
  const form = { username: login, password, form_token };
  const end = await browser.follow(page.url.split('?')[0]!, AT_TARGET, { form, headers });
  return end.location ?? `${end.status} ${end.body}`;
}

const spansOf = (id: string) => kept.getFinishedSpans().filter((span) => span.spanContext().traceId === id);
const named = (spans: readonly ReadableSpan[], name: string) => spans.find((span) => span.name === name);
const within = (spans: readonly ReadableSpan[], parent: ReadableSpan | undefined) =>
  spans.filter((span) => span.parentSpanContext?.spanId === parent?.spanContext().spanId);
/** All that a span says. */
const wordsOf = ({ name, attributes, events, status, links, resource }: ReadableSpan) =>
  JSON.stringify({ name, attributes, events, status, links, resource: resource.attributes });

test('without an SDK nothing is traced, and a caller’s headers are not sent on', () => {
  expect(before).toEqual({ isOn: false, headers: {} });
});

test('a login is one tree: the requests, and in each its statements, hashes, and calls to the store and the target', async () => {
  expect(await logIn(anna, TRACE)).toMatch(/^https:\/\/app\.example\.com\/login/);
  await vi.waitFor(() => expect(named(spansOf(TRACE), 'POST /login')).toBeDefined());
  const spans = spansOf(TRACE);
  const requests = spans.filter(({ kind }) => kind === SpanKind.SERVER);
  expect(requests.map(({ name }) => name)).toEqual(['GET /auth', 'POST /login']);
  for (const { parentSpanContext } of requests) expect(parentSpanContext?.spanId).toBe(CALLER);
  const login = named(spans, 'POST /login');
  expect(login?.attributes).toEqual({
    'http.request.method': 'POST',
    'http.route': 'login',
    'http.response.status_code': 303,
  });
  const inside = within(spans, login);
  const names = inside.map(({ name }) => name);
  for (const name of ['legacy findByLogin', 'password verify', 'target importUsers'])
    expect(names).toContain(name);
  expect(inside.some(({ attributes }) => attributes['db.system.name'] === 'postgresql')).toBe(true);
  expect(named(inside, 'target importUsers')?.attributes).toEqual({
    'footbridge.target': 'kratos',
    'footbridge.call': 'importUsers',
  });
  // Nothing hangs in the air.
  const ids = new Set([CALLER, ...spans.map((span) => span.spanContext().spanId)]);
  expect(spans.filter(({ parentSpanContext }) => !ids.has(parentSpanContext?.spanId ?? ''))).toEqual([]);
});

test('the target is told which trace it is part of, and no baggage of a stranger', () => {
  const calls = new Set(
    spansOf(TRACE)
      .filter(({ name }) => name.startsWith('target '))
      .map((span) => span.spanContext().spanId),
  );
  expect(relay.heard.length).toBeGreaterThan(0);
  for (const { headers } of relay.heard) {
    const [, id, span = ''] = String(headers.traceparent).split('-');
    expect(id).toBe(TRACE);
    expect(calls).toContain(span);
    expect(headers).not.toHaveProperty('baggage');
  }
});

test('nothing of a person, of what was typed, or of where it led is in any span', () => {
  const secret = [anna.login, anna.password, anna.email, anna.familyName, subOf(anna), CANARY, TOKEN];
  const places = [SHOP, relay.url, kratos.url, AT_TARGET, 'credentials_identifier', 'form_token'];
  const said = kept.getFinishedSpans().map(wordsOf);
  expect(said.length).toBeGreaterThan(10);
  for (const canary of [...secret, ...places])
    expect(said.filter((words) => words.includes(String(canary)))).toEqual([]);
});

test('a store that does not answer is told by its code', async () => {
  const id = TRACE.replace('4', '5');
  await town.shop.switchTo(false);
  const end = await logIn(anna, id).finally(() => town.shop.switchTo(true));
  expect(end).toMatch(/^503 /);
  await vi.waitFor(() => expect(named(spansOf(id), 'POST /login')).toBeDefined());
  const [asked, login] = [named(spansOf(id), 'legacy findByLogin'), named(spansOf(id), 'POST /login')];
  expect(asked?.attributes['error.type']).toBe('legacy_unavailable');
  expect(asked?.status).toEqual({ code: SpanStatusCode.ERROR });
  expect(login?.status).toEqual({ code: SpanStatusCode.ERROR });
});

test('a request that names no trace begins one, a probe has none, and a chunk of a batch is one of its own', async () => {
  await new Browser().visit(`http://127.0.0.1:${app.privatePort}/readyz`);
  await new Browser().visit(`${town.issuer}/jwks`);
  await vi.waitFor(() => expect(named(kept.getFinishedSpans(), 'GET /jwks')).toBeDefined());
  expect(named(kept.getFinishedSpans(), 'GET /jwks')?.parentSpanContext).toBeUndefined();
  expect(named(kept.getFinishedSpans(), 'GET /readyz')).toBeUndefined();
  await town.settle([{}, {}]);
  await town.told('batch', 'plan', '--target', 'kratos', '--name', 'rest', '--execute');
  // Over the API it is the server that sends them.
  await fetch(`http://127.0.0.1:${app.privatePort}/admin/api/batch/run`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    body: JSON.stringify({ batch: 'rest', execute: true }),
  });
  await town.done('rest');
  await vi.waitFor(() => expect(named(kept.getFinishedSpans(), 'batch chunk')).toBeDefined());
  const chunk = named(kept.getFinishedSpans(), 'batch chunk');
  expect(chunk?.attributes).toEqual({ 'footbridge.target': 'kratos', users: 2 });
  const inside = within(kept.getFinishedSpans(), chunk);
  expect(inside.map(({ name }) => name)).toContain('target importUsers');
});
