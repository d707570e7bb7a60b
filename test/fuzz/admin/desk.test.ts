import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pages } from '../../../src/admin/console/pages/index.ts';
import { operations } from '../../../src/admin/operations/index.ts';
import type { Operator } from '../../admin/console/world.ts';
import { API_TOKEN } from '../../admin/console/world.ts';
import { cli } from '../../flows/zitadel/command-line.ts';
import type { Door, Sent } from '../door.ts';
import { anyValue, encodings, expectGoodAnswer, openDoor, pairs } from '../door.ts';
import { anyJson, anyText, fuzz } from '../hostile.ts';

let door: Door;
let operator: Operator;
let cookie: string;
beforeAll(async () => {
  door = await openDoor();
  operator = await door.signIn('admin', 'fuzz');
  cookie = operator.browser.cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
});
afterAll(() => door?.close());

/** Nobody is at the other end, and there is no mail server. */
const OUTAGES = ['target_unavailable', 'config_invalid'];
const send = async (sent: Sent) => expectGoodAnswer(await door.privateDoor.send(sent), OUTAGES);
const segment = fc.tuple(anyValue, encodings).map(([text, encoded]) => encoded(text));
/** Names that an operation knows, and the shape of what it takes. */
const operation = fc.constantFrom(
  ...operations.map(({ name, input }) => ({ name, fields: Object.keys(input.shape) })),
);
const known = fc.constantFrom(
  'shop:1',
  'anna',
  'new-one',
  'hub',
  'ory',
  'true',
  'yes',
  '1',
  '2026-01-01',
  'pilot',
  '7',
);

test('whoever signs in sees every page, and the API does what it is asked', async () => {
  for (const { path } of pages.filter((page) => !page.path.includes(':')))
    expect((await operator.get(`/admin${path && `/${path}`}`)).status, path).toBe(200);
  expect(await door.api('key list')).toHaveProperty('keys');
});

describe('whatever is asked of the console', () => {
  const paths = pages.map(({ path }) => `/admin${path && `/${path}`}`);
  const path = fc
    .tuple(
      fc.oneof({
        weight: 4,
        arbitrary: fc.constantFrom(
          ...paths,
          '/admin/runs/:run',
          '/admin/runs/:run/report',
          '/admin/runs/:run/answer.json',
          '/admin/do/:noun/:verb',
          '/admin/sign-in',
          '/admin/:any',
        ),
      }),
      segment,
      segment,
    )
    .map(([template, one, other]) => template.replace(/:\w+/, one).replace(/:\w+/, other));
  const query = pairs([
    'q',
    'target',
    'user',
    'before',
    'after',
    'page',
    'state',
    'kind',
    'action',
    'since',
    'to',
    'from',
    'phase',
    'batch',
    'plan',
    'actor',
    'out',
    'limit',
  ]);
  fuzz(
    'is a page or a refusal',
    200,
    fc.asyncProperty(path, query, fc.boolean(), (at, text, isPart) =>
      send({
        path: `${at}?${text}`,
        headers: { cookie, accept: 'text/html', ...(isPart ? { 'hx-request': 'true' } : {}) },
      }),
    ),
  );

  const form = operation.chain(({ name, fields }) =>
    pairs(fields.length > 0 ? fields : ['x']).map((text) => ({ name, text })),
  );
  fuzz(
    'in the form of an operation is asked for again, or shown with what would happen',
    120,
    fc.asyncProperty(form, ({ name, text }) =>
      send({
        method: 'POST',
        path: `/admin/do/${name.replaceAll(' ', '/')}`,
        headers: { cookie, origin: door.origin, 'content-type': 'application/x-www-form-urlencoded' },
        body: `csrf=${operator.csrf}&${text}`,
      }),
    ),
  );

  fuzz(
    'to confirm what was never shown is refused',
    60,
    fc.asyncProperty(
      pairs(['sealed', 'confirm', 'input', 'operation', 'reason', 'token']),
      fc.constantFrom('/admin/confirm', '/admin/sign-in/invitation', '/admin/runs/x/stop'),
      (text, at) =>
        send({
          method: 'POST',
          path: at,
          headers: { cookie, origin: door.origin, 'content-type': 'application/x-www-form-urlencoded' },
          body: `csrf=${operator.csrf}&${text}`,
        }),
    ),
  );

  const token = anyValue.map((text) => text.replace(/[^\x21-\x7e]|[;,]/g, ''));
  fuzz(
    'with a cookie or a token that is none is a stranger’s',
    80,
    fc.asyncProperty(token, fc.constantFrom('/admin', '/admin/users', '/admin/api/user/show'), (text, at) =>
      send({
        method: at.includes('api') ? 'POST' : 'GET',
        path: at,
        headers: { cookie: `fb_console=${text}; __Host-fb_console=${text}`, authorization: `Bearer ${text}` },
      }),
    ),
  );
});

describe('whatever is asked of the operator’s API', () => {
  const input = operation.chain(({ name, fields }) =>
    fc
      .dictionary(
        fields.length > 0 ? fc.constantFrom(...fields) : fc.constant('x'),
        fc.oneof(anyJson, anyValue, known, fc.integer(), fc.boolean()),
        { maxKeys: 4 },
      )
      .map((one) => ({ name, one })),
  );
  fuzz(
    'is what would happen, or a problem document',
    200,
    fc.asyncProperty(input, ({ name, one }) =>
      send({
        method: 'POST',
        path: `/admin/api/${name.replaceAll(' ', '/')}`,
        headers: { authorization: `Bearer ${API_TOKEN}`, 'content-type': 'application/json' },
        body: JSON.stringify({ ...one, execute: false }),
      }),
    ),
  );
});

describe('whatever stands on the command line', () => {
  /** What would write files here, or never end. */
  const WRITES = /^(?:output|html|folder|file|into|from)$/;
  const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const word = fc.oneof(
    {
      weight: 2,
      arbitrary: anyText({ maxLength: 20, longest: 200 }).map((text) => text.replaceAll('\0', '')),
    },
    { weight: 1, arbitrary: known },
  );
  const line = fc
    .constantFrom(
      ...operations.filter(({ input }) => !Object.keys(input.shape).some((name) => WRITES.test(name))),
    )
    .chain(({ name, input, positional = [] }) => {
      const options = Object.keys(input.shape).filter((field) => !positional.includes(field as never));
      const option =
        options.length > 0
          ? fc.tuple(fc.constantFrom(...options), word).map(([field, value]) => [`--${kebab(field)}`, value])
          : fc.constant<string[]>(['--x', 'y']);
      return fc
        .tuple(
          fc.array(word, { minLength: positional.length, maxLength: positional.length + 1 }),
          fc.array(option, { maxLength: 2 }),
        )
        .map(([given, more]) => [...name.split(' '), ...given, ...more.flat()]);
    });
  fuzz(
    'is done, or refused with a sentence instead of a place in the code',
    60,
    fc.asyncProperty(line, async (words) => {
      const { code, out, err } = await cli(...words, '--config', door.configFile);
      expect([0, 1, 2]).toContain(code);
      expect(err).not.toMatch(/\n {4}at /);
      expect(out.length + err.length).toBeLessThan(400_000);
    }),
  );
});
