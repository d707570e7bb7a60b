/** What every way of writing sessions keeps to: one call in the format's own test, with what the real framework wrote. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { MAX_BYTES } from '../../../src/sessions/serialisation/bounds.ts';
import type { NewSession, OpenFormat, SessionFormat } from '../../../src/sessions/session-format.ts';

/** As in vectors/*.json. */
export interface SessionVector {
  readonly name: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly cookie: string;
  readonly key: string;
  /** In Base64. */
  readonly stored: string;
  readonly person: string;
  readonly passwordColumns?: Readonly<Record<string, unknown>>;
  /** A part of it. */
  readonly data: Readonly<Record<string, unknown>>;
}

export function sessionVectors(name: string): readonly SessionVector[] {
  const file = join(import.meta.dirname, 'vectors', `${name}.json`);
  return (JSON.parse(readFileSync(file, 'utf8')) as { vectors: readonly SessionVector[] }).vectors;
}

export const storedOf = ({ stored }: SessionVector) => Buffer.from(stored, 'base64');

export interface ContractedFormat {
  readonly format: SessionFormat;
  readonly vectors: readonly SessionVector[];
  /** Settings with which new sessions are tried, each for itself. */
  readonly writing: readonly Readonly<Record<string, unknown>>[];
  /** The same with keys that nobody knows. */
  readonly foreign?: (settings: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>;
  /** What a key proves, and so nobody can forge. */
  readonly signs: { readonly cookie?: true; readonly data?: true };
}

export const opened = (format: SessionFormat, settings: unknown): OpenFormat =>
  format.open(format.settings.parse(settings) as z.output<typeof format.settings>);

export const NEW_SESSION: NewSession = {
  person: '42',
  passwordColumns: undefined,
  data: { locale: 'de', cart: { items: [1, 2.5, 'Zoë'], open: true, none: null } },
  startedAt: 1_795_000_000,
  expiresAt: 1_795_003_600,
};

/** RFC 6265 section 4.1.1. */
const COOKIE_VALUE = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{1,4096}$/;

export function sessionFormatContract(contracted: ContractedFormat): void {
  realOnes(contracted);
  newOnes(contracted);
  forgedOnes(contracted);
}

function realOnes({ format, vectors }: ContractedFormat): void {
  if (vectors.length === 0) return;
  describe('sessions that the framework wrote', () => {
    test.each(vectors)('are found and read: $name', (vector) => {
      const open = opened(format, vector.settings);
      expect(open.keyOf(vector.cookie)).toBe(vector.key);
      const content = open.read(storedOf(vector));
      expect(content?.person).toBe(vector.person);
      expect(content?.data).toMatchObject(vector.data);
    });

    const bound = vectors.filter(({ passwordColumns }) => passwordColumns);
    if (bound.length === 0) return;
    test('are of the password they were made with, and of no other', () => {
      for (const { settings, passwordColumns, ...vector } of bound) {
        const open = opened(format, settings);
        const content = open.read(storedOf({ ...vector, settings }))!;
        const changed = Object.fromEntries(
          Object.entries(passwordColumns!).map(([name, value]) => [name, `x${value}`]),
        );
        expect(open.isBoundTo!(content, passwordColumns)).toBe(true);
        expect(open.isBoundTo!(content, changed)).toBe(false);
        expect(open.isBoundTo!(content, { ...passwordColumns, ...nulls(changed) })).toBe(false);
        expect(open.isBoundTo!(content, undefined)).toBe(false);
      }
    });
  });
}

const nulls = (of: object) => Object.fromEntries(Object.keys(of).map((name) => [name, null]));

function newOnes({ format, writing }: ContractedFormat): void {
  describe('new sessions', () => {
    test.each(writing)('say who it is and what was given to them: %j', (settings) => {
      const open = opened(format, settings);
      const content = open.read(open.write(NEW_SESSION));
      expect(content?.person).toBe('42');
      expect(content?.data).toMatchObject(NEW_SESSION.data);
    });

    test.each(writing)('name anybody: %j', (settings) => {
      const open = opened(format, settings);
      const persons = fc.oneof(
        fc.integer({ min: 0 }).map(String),
        fc.uuid(),
        fc.emailAddress(),
        fc.constantFrom('007', '-1', '1e3', '9007199254740993', '18446744073709551615', 'Zoë', 'a|b;c:"d"'),
      );
      fc.assert(
        fc.property(persons, (person) => {
          expect(open.read(open.write({ ...NEW_SESSION, person }))?.person).toBe(person);
        }),
      );
    });

    test.each(writing)('are found by their cookie, and no two are the same: %j', (settings) => {
      const open = opened(format, settings);
      const made = Array.from({ length: 20 }, () => open.newSession());
      for (const { cookie, key } of made) {
        expect(cookie).toMatch(COOKIE_VALUE);
        expect(open.keyOf(cookie)).toBe(key);
      }
      expect(new Set(made.map(({ key }) => key)).size).toBe(20);
    });
  });
}

function forgedOnes(contracted: ContractedFormat): void {
  const { format, vectors, writing, foreign, signs } = contracted;
  const all = [...vectors, ...writing.map((settings) => ownVector(format, settings))];

  describe('anything else', () => {
    test('is no session, and breaks nothing', () => {
      for (const settings of new Set(all.map((vector) => JSON.stringify(vector.settings)))) {
        const open = opened(format, JSON.parse(settings));
        fc.assert(fc.property(fc.uint8Array({ maxLength: 512 }), (bytes) => void open.read(bytes)));
        fc.assert(
          fc.property(fc.string({ unit: 'binary', maxLength: 128 }), (text) => void open.keyOf(text)),
        );
        expect(open.read(new Uint8Array())?.person).toBeUndefined();
        expect(['', ' ', '%', '%E0%A4%A', 'a'.repeat(5_000)].filter((cookie) => open.keyOf(cookie))).toEqual(
          [],
        );
      }
    });

    test('a session that was cut off or changed says nothing wrong', () => {
      for (const vector of all) {
        const [open, stored] = [opened(format, vector.settings), storedOf(vector)];
        for (let length = 0; length < stored.length; length += 1)
          expect(open.read(stored.subarray(0, length))?.person ?? vector.person).toBe(vector.person);
        const change = fc.tuple(fc.nat(stored.length - 1), fc.integer({ min: 1, max: 255 }));
        fc.assert(
          fc.property(change, ([at, by]) => {
            const changed = Buffer.from(stored);
            changed[at] = changed[at]! ^ by;
            const content = open.read(changed);
            if (signs.data) expect(content).toBeUndefined();
          }),
        );
      }
    });

    test('a session that is too large is not even looked at', () => {
      for (const vector of all) {
        const open = opened(format, vector.settings);
        expect(open.read(Buffer.concat([storedOf(vector), Buffer.alloc(MAX_BYTES, ' ')]))).toBeUndefined();
      }
    });

    if (signs.cookie) {
      test('a cookie that was cut off or changed finds no other session', () => {
        for (const { settings, cookie, key } of all) {
          const [open, whole] = [opened(format, settings), decodeURIComponent(cookie)];
          for (let at = 0; at < whole.length; at += 1) {
            const other = whole[at] === 'A' ? 'B' : 'A';
            const changed = [whole.slice(0, at), whole.slice(0, at) + other + whole.slice(at + 1)];
            for (const value of changed)
              expect([key, undefined]).toContain(open.keyOf(encodeURIComponent(value)));
          }
        }
      });
    }

    if (!foreign) return;
    test('what somebody else’s key signed is refused', () => {
      for (const vector of all) {
        const open = opened(format, foreign(vector.settings));
        if (signs.cookie) expect(open.keyOf(vector.cookie)).toBeUndefined();
        if (signs.data) expect(open.read(storedOf(vector))).toBeUndefined();
      }
    });
  });
}

function ownVector(format: SessionFormat, settings: Readonly<Record<string, unknown>>): SessionVector {
  const open = opened(format, settings);
  const stored = Buffer.from(open.write(NEW_SESSION)).toString('base64');
  return { name: 'our own', settings, ...open.newSession(), stored, person: '42', data: NEW_SESSION.data };
}
