/**
 * Our code as a few files of JavaScript: a start reads them instead of a thousand sources, and below node_modules Node runs no
 * TypeScript. Packages stay what npm installed. In `dist`, what the code reads (templates, schema steps, presets) lies in the
 * folders of the checkout, and what was compiled looks for it from there. A checkout builds when it is installed (prepare.js), a
 * package when it is packed (`--package`); `--clean` takes it away.
 */
import { chmodSync, cpSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import type { OutputChunk, Plugin } from 'rolldown';

const ROOT = resolve(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');
/** The lock file under the name that npm packs: `npm ci` in the unpacked package gets to the byte what was tested here. */
const SHRINKWRAP = join(ROOT, 'npm-shrinkwrap.json');
/** What the code reads at run time; everything else in the folders is source or for people. */
const ASSET = /\.(eta|css|js|json|yaml|sql)$/;
/** Compiled from `src` and `example/demo`; the rest of `example` is shipped as it is. */
const FOLDERS = ['src', 'example/demo', 'migrations'];
/** Name in `dist` → source. A worker is a file of its own, where the code that starts it looks for it. */
const ENTRIES = { main: 'src/main.ts', 'src/credentials/hash-worker': 'src/credentials/hash-worker.ts' };
/** npm packs files with their modes: the same archive under every umask of whoever builds. */
const FILE_MODE = 0o644;

export async function build(): Promise<void> {
  rmSync(DIST, { recursive: true, force: true });
  const { rolldown } = await import('rolldown');
  const bundle = await rolldown({
    cwd: ROOT,
    input: ENTRIES,
    platform: 'node',
    external: (name) => !/^[./]/.test(name),
    plugins: [whereItStood, oneByteEach],
  });
  const { output } = await bundle.write({
    dir: DIST,
    chunkFileNames: '[name]-[hash].js',
    comments: false,
    // Names of classes and functions are told in errors and traces.
    minify: { compress: true, mangle: false, codegen: true },
  });
  await bundle.close();
  for (const chunk of output) if (chunk.type === 'chunk') assertPlace(chunk);
  for (const folder of FOLDERS) copyAssets(folder);
  for (const file of filesIn(DIST)) chmodSync(file, FILE_MODE);
}

/** A module's place is that of its source, in `dist`, whichever file it was put into. */
const whereItStood: Plugin = {
  name: 'where it stood',
  transform(code, id) {
    if (!code.includes('import.meta.')) return null;
    const path = relative(ROOT, id).replace(/\.ts$/, '.js');
    const from = (what: string) => `(import.meta.dirname+${JSON.stringify(`/${what}`)})`;
    return code
      .replaceAll(/\bimport\.meta\.filename\b/g, from(path))
      .replaceAll(/\bimport\.meta\.dirname\b(?!\+)/g, from(dirname(path)))
      .replaceAll(/\bimport\.meta\.url\b/g, `new URL(${JSON.stringify(path)},import.meta.url).href`);
  },
};

/** V8 keeps a source with two bytes for each character as soon as one of them, a typographic quote, is not of Latin-1. */
const oneByteEach: Plugin = {
  name: 'one byte each',
  generateBundle(_options, bundle) {
    for (const chunk of Object.values(bundle))
      if (chunk.type === 'chunk') chunk.code = chunk.code.replaceAll(/[^\0-\xff]/g, escaped);
  },
};

/** They stand in texts, templates and patterns only, and all of these read such an escape. */
const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** Places are told from the top of `dist`. */
function assertPlace({ fileName, code }: OutputChunk): void {
  if (fileName.includes('/') && code.includes('import.meta'))
    throw new Error(`${fileName} asks where it is, and is not at the top of dist`);
}

function copyAssets(folder: string): void {
  const from = join(ROOT, folder);
  for (const file of filesIn(from)) {
    if (ASSET.test(file)) cpSync(file, join(DIST, folder, file.slice(from.length)));
  }
}

const filesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

async function main(how: string | undefined): Promise<void> {
  if (how === '--clean') {
    rmSync(DIST, { recursive: true, force: true });
    // Left here it would be npm's lock file instead of package-lock.json.
    rmSync(SHRINKWRAP, { force: true });
    return;
  }
  await build();
  if (how !== '--package') return;
  cpSync(join(ROOT, 'package-lock.json'), SHRINKWRAP);
  chmodSync(SHRINKWRAP, FILE_MODE);
}

if (process.argv[1] === import.meta.filename) await main(process.argv[2]);
