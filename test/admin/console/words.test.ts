/** The words of the audit trail, and what pages offer: by what the source has. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { offer } from '../../../src/admin/console/offers.ts';
import { folded } from '../../../src/admin/console/panels.ts';
import { actorWords, exactly, WORDS, wordsOf } from '../../../src/admin/console/words.ts';
import { operations } from '../../../src/admin/operations/index.ts';
import { EVENTS } from '../../../src/migration/states.ts';

const SRC = join(import.meta.dirname, '../../../src');
const sources = readdirSync(SRC, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));

describe('the audit trail in words', () => {
  test('has a sentence for every action that the source writes', () => {
    const written = sources.flatMap((text) =>
      [...text.matchAll(/\baction: '([a-z-]+\.[a-z_-]+)'/g)].map(([, name]) => name!),
    );
    const events = EVENTS.map((event) => `ledger.${event}`);
    expect(written.length).toBeGreaterThan(40);
    expect([...new Set([...written, ...events])].filter((action) => !Object.hasOwn(WORDS, action))).toEqual(
      [],
    );
  });

  test('leaves out what a record does not say', () => {
    const said = (detail: object) => wordsOf({ action: 'rollout.paused', detail: detail as never }).title;
    expect(said({ phase: 'staff', target: 'one', reason: 'too many errors' })).toBe(
      'The phase staff was paused at one: too many errors',
    );
    expect(said({ phase: 'staff' })).toBe('The phase staff was paused');
    expect(said({})).toBe('The phase ? was paused');
  });

  test('shows an action that nobody has words for as it is, and one like a method of every object too', () => {
    for (const action of ['moon.landed', 'constructor', 'toString'])
      expect(wordsOf({ action, detail: {} })).toEqual({ tone: 'quiet', title: action, isKnown: false });
  });

  test('cuts what is long, and joins what is a list', () => {
    const { title } = wordsOf({ action: 'ledger.fail', detail: { target: 'one', code: 'x'.repeat(1_000) } });
    expect(title.length).toBeLessThan(200);
    expect(
      wordsOf({ action: 'sync.wrote', detail: { toTarget: ['email', 'phone'], toLegacy: [] } }).title,
    ).toBe('Sync brought both sides together; at the target: email, phone');
  });

  test('says who it was, and of an unknown kind what is written', () => {
    expect(['user', 'operator:ada:b', 'client:shop', 'toString:x', 'x', ''].map(actorWords)).toEqual([
      'themselves',
      'the operator ada:b',
      'the client shop',
      'toString:x',
      'x',
      '',
    ]);
  });

  test('keeps fingerprints of secrets to itself', () => {
    const detail = { password: { format: 'bcrypt', sha256: 'abc123' } };
    const text = exactly({ action: 'secrets.released', actor: 'user', detail });
    expect(text).toContain('"format": "bcrypt"');
    expect(text).not.toContain('abc123');
  });
});

describe('what is offered', () => {
  test('is an operation that there is, with fields that it has', () => {
    const offered = sources.flatMap((text) => [
      ...[...text.matchAll(/operation: '([a-z-]+ [a-z-]+)'/g)].map(([, name]) => name!),
      ...[...text.matchAll(/\bact\(\s*'([a-z-]+ [a-z-]+)'/g)].map(([, name]) => name!),
    ]);
    expect(offered.length).toBeGreaterThan(30);
    const names = new Set(operations.map(({ name }) => name));
    expect([...new Set(offered)].filter((name) => !names.has(name))).toEqual([]);
  });

  test('is only what somebody may do', () => {
    const asked = { operation: 'batch pause', label: 'Pause', input: { batch: 'b 1', user: undefined } };
    expect(offer({ role: 'viewer' }, asked)).toEqual([]);
    expect(offer({ role: 'operator' }, asked)).toEqual([
      { label: 'Pause', href: '/admin/do/batch/pause?batch=b+1' },
    ]);
  });
});

test('what happened again and again is told once, and what can be done about it stays by itself', () => {
  const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second));
  const one = { tone: 'quiet', title: 'Logged in', lines: ['By themselves'] } as const;
  const other = { ...one, title: 'Left', links: [{ label: 'Help', href: '/admin' }] };
  const told = folded([
    { ...one, at: at(9) },
    { ...one, at: at(8) },
    { ...other, at: at(7) },
    { ...other, at: at(6) },
    { ...one, at: at(5) },
  ]);
  expect(told.map(({ title, lines }) => [title, ...lines])).toEqual([
    ['Logged in', 'By themselves', '2 times, the first at 2026-01-01 00:00 UTC'],
    ['Left', 'By themselves'],
    ['Left', 'By themselves'],
    ['Logged in', 'By themselves'],
  ]);
});
