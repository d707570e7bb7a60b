/** Every code that people of a batch may get has a sentence and something to do. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { batchCodesPage } from '../../../docs/generator/batch-codes.ts';
import { adviceFor, MISSING_CODES, NOTE_CODES, PERSON_CODES } from '../../../src/admin/batch/codes.ts';
import { REASONS } from '../../../src/credentials/reasons.ts';

const ROOT = join(import.meta.dirname, '../../..');
const KNOWN = { ...PERSON_CODES, ...MISSING_CODES, ...NOTE_CODES };

function sourcesIn(folder: string): string {
  return readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(ROOT, folder, name), 'utf8'))
    .join('\n');
}

describe('the table of codes', () => {
  test('has every code that the engine and the mover write down', () => {
    const text = ['src/migration/batch', 'src/migration/moving'].map(sourcesIn).join('\n');
    const written = [
      ...[...text.matchAll(/\bcode: '([a-z_]+)'/g)].map((match) => match[1]!),
      ...[...text.matchAll(/new NeverMoves\(\s*'([a-z_]+)'/g)].map((match) => match[1]!),
      ...[...text.matchAll(/known\('([a-z_]+)'\)|skipped\(sub, '([a-z_]+)'\)/g)].map(
        (match) => match[1] ?? match[2]!,
      ),
    ];
    // Told to whoever asked, kept as a detail, or a batch's own: never a person's code.
    const inner = ['custom', 'aborted', 'under_way', 'no_answer'];
    expect(new Set(written).size).toBeGreaterThan(5);
    expect([...new Set(written)].filter((code) => !(code in KNOWN) && !inner.includes(code))).toEqual([]);
  });

  test('has every reason that keeps a password here, and everything that may be missing', () => {
    expect(Object.keys(REASONS).filter((code) => !(code in MISSING_CODES))).toEqual([]);
    for (const what of [
      'profile',
      'password',
      'totp',
      'passkeys',
      'recoveryCodes',
      'links',
      'metadata',
      'grants',
    ])
      expect(MISSING_CODES).toHaveProperty(`${what}_missing`);
  });

  test('says of each what to do', () => {
    for (const { sentence, todo } of Object.values(KNOWN)) {
      expect(sentence).toMatch(/\S.*[.:]$/);
      expect(todo.length).toBeGreaterThan(10);
    }
  });

  test('has an answer to a target’s own codes, in the target’s words', () => {
    expect(adviceFor('target:COMMAND-x', 'Errors.Invalid')).toMatchObject({
      sentence: 'Errors.Invalid',
      replay: 'mended',
    });
    expect(adviceFor('constructor').todo).toContain('mend');
  });
});

test('the page of codes has a row for each', () => {
  const page = batchCodesPage();
  expect(Object.keys(KNOWN).filter((code) => !page.includes(`| \`${code}\` |`))).toEqual([]);
});
