import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { SESSION_FORMATS } from '../../../src/sessions/formats/index.ts';
import { MAX_BYTES, MAX_DEPTH } from '../../../src/sessions/serialisation/bounds.ts';
import { unserialize } from '../../../src/sessions/serialisation/php-serialize.ts';
import { readMarshal } from '../../../src/sessions/serialisation/ruby-marshal.ts';
import type { OpenFormat, SessionFormat } from '../../../src/sessions/session-format.ts';
import {
  NEW_SESSION,
  opened,
  sessionVectors,
  storedOf,
} from '../../sessions/formats/session-format-contract.ts';
import { anyBytes, anyText, damaged, damagedBytes, fuzz, NAMES } from '../hostile.ts';

/** Formats whose sessions or cookies nobody without the key can change. */
const SIGNED = {
  django: { data: true, cookie: false },
  express: { data: false, cookie: true },
  laravel: { data: false, cookie: true },
};
const key = (fill: number) => `base64:${Buffer.alloc(32, fill).toString('base64')}`;
const OWN: Readonly<Record<string, readonly object[]>> = {
  django: [{ secretKeys: ['now', 'before'] }],
  express: [{ secrets: ['s'.repeat(32)], userField: 'user.id' }],
  json: [{ userField: 'accounts.0.id' }, { userField: '__proto__.id', userIs: 'text' }],
  laravel: [{ appKeys: [key(1)] }, { appKeys: [key(1)], serializer: 'json', encrypt: true }],
  php: [{ userField: 'user.id' }, { userField: 'user_id', serializer: 'php_serialize' }],
  rails: [{}, { serializer: 'json' }, { serializer: 'marshal-bytes', userField: 'constructor.id' }],
};

interface Good {
  readonly name: string;
  readonly open: OpenFormat;
  readonly stored: Buffer;
  readonly cookie: string;
  readonly key: string;
  readonly person: string | undefined;
}
const GOOD: readonly Good[] = Object.entries<SessionFormat>(SESSION_FORMATS).flatMap(([name, format]) => [
  ...OWN[name]!.map((settings) => {
    const open = opened(format, settings);
    return {
      name,
      open,
      stored: Buffer.from(open.write(NEW_SESSION)),
      ...open.newSession(),
      person: NEW_SESSION.person,
    };
  }),
  ...(name === 'json' ? [] : sessionVectors(name)).map((vector) => ({
    name,
    open: opened(format, vector.settings),
    stored: storedOf(vector),
    cookie: vector.cookie,
    key: vector.key,
    person: vector.person,
  })),
]);

/** Levels of what was read, without going down with it. */
function depthOf(value: unknown): number {
  let level: unknown[] = [value];
  for (let depth = 0; ; depth += 1) {
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []));
    if (level.length === 0) return depth;
  }
}

function expectBounded({ data, person }: { data: unknown; person?: string }): void {
  // What was packed in there may be longer than what was stored, never without a bound.
  expect(JSON.stringify(data).length).toBeLessThan(MAX_BYTES * 8);
  expect(depthOf(data)).toBeLessThanOrEqual(MAX_DEPTH + 2);
  expect(Object.getPrototypeOf(data)).toBe(Object.prototype);
  if (person !== undefined) expect(person.isWellFormed() && !/[\u0000-\u001f\u007f]/.test(person)).toBe(true);
}

const changed = fc
  .constantFrom(...GOOD)
  .chain((good) => damagedBytes(good.stored).map((stored) => ({ ...good, whole: good.stored, stored })));

describe('whatever is stored as a session', () => {
  fuzz(
    'is read within bounds, or is none',
    1_500,
    fc.property(
      fc.oneof(
        { weight: 3, arbitrary: changed },
        {
          weight: 1,
          arbitrary: fc
            .tuple(fc.constantFrom(...GOOD), anyBytes(2_000))
            .map(([good, stored]) => ({ ...good, stored })),
        },
      ),
      ({ open, stored }) => {
        const content = open.read(stored);
        if (content) expectBounded(content);
      },
    ),
  );

  fuzz(
    'under a signature is the session that was signed, or none',
    800,
    fc.property(
      changed.filter(({ name }) => SIGNED[name as keyof typeof SIGNED]?.data),
      ({ open, whole, stored }) => {
        const content = open.read(stored);
        if (content) expect(content).toEqual(open.read(whole));
      },
    ),
  );

  const person = fc.oneof(
    anyText({ maxLength: 30, longest: 60 }).map((text) => text.toWellFormed()),
    fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
    fc.constantFrom(...NAMES),
  );
  const data = fc.dictionary(
    fc.string({ minLength: 1, maxLength: 8 }).filter((name) => !/[|!.\s]/.test(name)),
    fc.oneof(
      fc.constantFrom(null, true, 0, -1, 1.5, 2 ** 40),
      fc.string({ unit: 'grapheme', maxLength: 20 }),
      fc.array(fc.integer(), { maxLength: 3 }),
    ),
    { maxKeys: 3 },
  );
  fuzz(
    'by us names the very person, or nobody',
    800,
    fc.property(fc.constantFrom(...GOOD), person, data, ({ open, name }, who, what) => {
      fc.pre(name === 'json' || Object.keys(what).every((one) => !/^\d/.test(one)));
      const content = open.read(open.write({ ...NEW_SESSION, person: who, data: what }));
      expect([who, undefined]).toContain(content?.person);
    }),
  );
});

describe('whatever a cookie holds', () => {
  const cookies = fc
    .constantFrom(...GOOD)
    .chain((good) => damaged(good.cookie).map((cookie) => ({ ...good, cookie })));

  fuzz(
    'leads to a key that a store can look up, or to none',
    1_500,
    fc.property(
      fc.oneof(
        cookies,
        fc.tuple(fc.constantFrom(...GOOD), anyText()).map(([good, cookie]) => ({ ...good, cookie })),
      ),
      ({ open, cookie }) => {
        const found = open.keyOf(cookie);
        if (found === undefined) return;
        expect(found.length).toBeLessThanOrEqual(300);
        expect(/[\u0000-\u001f\u007f]/.test(found) || !found.isWellFormed()).toBe(false);
      },
    ),
  );

  fuzz(
    'under a signature finds the session that it was made for, or none',
    800,
    fc.property(
      cookies.filter(({ name }) => SIGNED[name as keyof typeof SIGNED]?.cookie),
      ({ open, cookie, key: own }) => {
        expect([own, undefined]).toContain(open.keyOf(cookie));
      },
    ),
  );
});

describe('whatever is serialised', () => {
  const repeated = fc.tuple(
    fc.constantFrom(
      'a:1:{i:0;',
      'O:1:"a":1:{s:1:"b";',
      'a:99999999:{',
      's:99999999:"',
      'R:1;',
      'i:0;',
      '\x04\b',
      '[\x06',
      '{\x06',
      'I"\x06a',
      'C:',
      'U:',
      'l+\xff',
      '@\x06',
    ),
    fc.integer({ min: 1, max: 20_000 }),
    fc.constantFrom('', '\x04\b', 'a:20000:{'),
  );
  fuzz(
    'again and again is refused before it costs anything',
    300,
    fc.property(repeated, ([piece, times, before]) => {
      const bytes = Buffer.from(before + piece.repeat(times), 'latin1');
      for (const value of [unserialize(bytes), readMarshal(bytes)])
        expect(depthOf(value)).toBeLessThanOrEqual(MAX_DEPTH + 1);
    }),
  );
});
