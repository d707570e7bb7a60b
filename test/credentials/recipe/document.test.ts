/** docs/recipes.md: its reference is the table of functions, and each of its schemes opens with its password. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { algorithmOf } from '../../../src/credentials/hash.ts';
import { isRefusal } from '../../../src/credentials/reasons.ts';
import type { RecipeFunction } from '../../../src/credentials/recipe/function.ts';
import { FUNCTIONS } from '../../../src/credentials/recipe/functions/index.ts';
import type { Stored } from './verdict.ts';
import { parsed, verdict } from './verdict.ts';

const page = readFileSync(new URL('../../../docs/recipes.md', import.meta.url), 'utf8');

interface Scheme extends Stored {
  readonly title: string;
  readonly recipe: string;
  readonly password: string;
  /** What `footbridge hash identify` calls it. */
  readonly algorithm: string;
}

const schemes = [...page.matchAll(/^### \d+\. (.+)\n[\s\S]*?^```yaml\n([\s\S]*?)^```/gm)].map(
  ([, title, text = '']): Scheme => ({ title, ...parse(text) }),
);

describe('the schemes of docs/recipes.md', () => {
  test('are twenty and more', () => {
    expect(schemes.length).toBeGreaterThanOrEqual(20);
    expect(schemes.length).toBe([...page.matchAll(/^### \d+\. /gm)].length);
  });

  test.each(schemes)(
    '$title opens with its password and no other',
    async ({ recipe, password, ...stored }) => {
      expect(await verdict(recipe, stored, password)).toBe(true);
      for (const wrong of [`x${password}`, password.slice(1), [...password].reverse().join('')]) {
        expect(await verdict(recipe, stored, wrong), wrong).toBe(false);
      }
    },
  );

  test.each(schemes)('$title is understood as it says', ({ recipe, algorithm, ...stored }) => {
    const hash = parsed(recipe, stored);
    expect(isRefusal(hash) ? hash.reason : algorithmOf(hash).label(hash.parameters)).toBe(algorithm);
  });
});

const KINDS: Readonly<Record<RecipeFunction['kind'], string>> = {
  digest: 'Digests',
  hmac: 'HMAC',
  derivation: 'Slow hashes',
  encoding: 'Encodings',
  text: 'Texts',
  bytes: 'Bytes and numbers',
  loop: 'Loops',
};

function signature({ name, parameters }: RecipeFunction): string {
  const list = parameters.map((one) => (one.isOptional ? `[, ${one.name}]` : `, ${one.name}`)).join('');
  return `\`${name}(${list.slice(2)})\``;
}

/** One row for the functions that say the same of themselves. */
function tableOf(kind: RecipeFunction['kind']): string {
  const rows = Map.groupBy(
    [...FUNCTIONS.values()].filter((row) => row.kind === kind),
    ({ does }) => does,
  );
  const lines = [...rows].map(([does, alike]) => `| ${alike.map(signature).join(', ')} | ${does} |`);
  return [`### ${KINDS[kind]}`, '', '| Function | What comes out |', '| --- | --- |', ...lines].join('\n');
}

test.each(Object.keys(KINDS) as RecipeFunction['kind'][])(
  'docs/recipes.md says what the %s functions do',
  (kind) => {
    expect(page).toContain(`${tableOf(kind)}\n`);
  },
);
