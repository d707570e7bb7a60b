/**
 * Writes `docs/reference/` from the code: `node docs/generate.ts`. With `--check` nothing is written, and a page that
 * is not current is named. A new page is a file in `generator/` and a line here.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openApiDocument } from '../src/admin/openapi.ts';
import { configSchema } from '../src/config.ts';
import { batchCodesPage } from './generator/batch-codes.ts';
import { commandsPage } from './generator/commands.ts';
import { errorsPage } from './generator/errors.ts';
import { formatsPage } from './generator/formats.ts';
import { settingsPage } from './generator/settings.ts';
import { statesPage } from './generator/states.ts';

const FOLDER = join(import.meta.dirname, 'reference');
const BIOME = join(import.meta.dirname, '..', 'node_modules', '.bin', 'biome');

/** The configuration’s schema is the longest. */
const MAX_BYTES = 16 * 1024 * 1024;

/** As the linter wants it. */
function json(value: object): string {
  const options = { input: JSON.stringify(value), encoding: 'utf8', maxBuffer: MAX_BYTES } as const;
  return execFileSync(BIOME, ['format', '--stdin-file-path=page.json'], options);
}

const PAGES: Readonly<Record<string, () => string | Promise<string>>> = {
  'batch-codes.md': batchCodesPage,
  'settings.md': settingsPage,
  'commands.md': commandsPage,
  'errors.md': errorsPage,
  'states.md': statesPage,
  'formats.md': formatsPage,
  'openapi.json': () => json(openApiDocument('https://id.example.com')),
  'config.schema.json': () => json(configSchema()),
};

/** File name to text, as they should stand in `docs/reference/`. */
export async function referencePages(): Promise<Map<string, string>> {
  const pages = new Map<string, string>();
  for (const [name, render] of Object.entries(PAGES)) pages.set(name, await render());
  return pages;
}

/** The pages that differ from what the code says now. */
export function stalePages(pages: ReadonlyMap<string, string>): string[] {
  return [...pages].filter(([name, text]) => text !== present(name)).map(([name]) => name);
}

function present(name: string): string | undefined {
  try {
    return readFileSync(join(FOLDER, name), 'utf8');
  } catch {
    return undefined;
  }
}

async function main(): Promise<void> {
  const pages = await referencePages();
  const stale = stalePages(pages);
  if (process.argv.includes('--check')) {
    for (const name of stale)
      process.stderr.write(`docs/reference/${name} is not current: run npm run docs\n`);
    process.exitCode = stale.length > 0 ? 1 : 0;
    return;
  }
  for (const name of stale) writeFileSync(join(FOLDER, name), pages.get(name) ?? '');
  process.stderr.write(`${pages.size} pages, ${stale.length} of them changed\n`);
}

if (import.meta.main) await main();
