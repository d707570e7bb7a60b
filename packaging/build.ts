/**
 * What `npm pack` needs beside the sources: Node runs no TypeScript below node_modules, so the package carries compiled
 * JavaScript. `dist` has the folders of the checkout, because the code finds its templates, schema steps and workers
 * beside itself. `--clean` takes it away again.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');
/** The lock file under the name that npm packs: `npm ci` in the unpacked package gets to the byte what was tested here. */
const SHRINKWRAP = join(ROOT, 'npm-shrinkwrap.json');
/** What the code reads at run time; everything else in the folders is source or for people. */
const ASSET = /\.(eta|css|js|json|yaml|sql)$/;
/** Compiled from `src` and `example/demo`; the rest of `example` is shipped as it is. */
const FOLDERS = ['src', 'example/demo', 'migrations'];
/** npm packs files with their modes: the same archive under every umask of whoever builds. */
const FILE_MODE = 0o644;

function clean(): void {
  rmSync(DIST, { recursive: true, force: true });
  // Left here it would be npm's lock file instead of package-lock.json.
  rmSync(SHRINKWRAP, { force: true });
}

function build(): void {
  clean();
  execFileSync(
    process.execPath,
    [
      join(ROOT, 'node_modules/typescript/bin/tsc'),
      '--project',
      join(import.meta.dirname, 'tsconfig.build.json'),
    ],
    // npm's own answer is on stdout.
    { stdio: ['ignore', 2, 2] },
  );
  for (const folder of FOLDERS) copyAssets(folder);
  cpSync(join(ROOT, 'package-lock.json'), SHRINKWRAP);
  for (const file of [...filesIn(DIST), SHRINKWRAP]) chmodSync(file, FILE_MODE);
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

if (process.argv.includes('--clean')) clean();
else build();
