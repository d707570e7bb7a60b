/** The package as a stranger gets it: packed out of a copy of the checkout, and installed into an empty folder. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

export const ROOT = resolve(import.meta.dirname, '../..');
const FILES = [
  'bin',
  'src',
  'migrations',
  'example',
  'packaging',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  '.npmrc',
  'LICENSE',
  'README.md',
  'CHANGELOG.md',
];
/** The oldest line that the package is for. */
const NODE_22 = '22.23.3';

const run = promisify(execFile);
/** npm scripts say `node`, and mean the one that the tests run under. */
const environment = (folder: string) => {
  // What npm told the run that the tests are part of is not for an npm elsewhere.
  const own = Object.entries(process.env).filter(([name]) => !/^npm_|^VITEST|^NODE_ENV$/i.test(name));
  return {
    ...Object.fromEntries(own),
    PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
    npm_config_update_notifier: 'false',
    // A parent folder's settings are nobody's business here.
    npm_config_userconfig: join(folder, '.npmrc-of-nobody'),
  };
};

/** Packs a copy in `folder`, under a umask of its own; the copy has the modes of the checkout. */
export async function pack(folder: string, umask: '022' | '077'): Promise<string> {
  mkdirSync(folder);
  for (const path of FILES) cpSync(join(ROOT, path), join(folder, path), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const { stdout } = await run('sh', ['-c', `umask ${umask}; npm pack --silent`], {
    cwd: folder,
    env: environment(folder),
  });
  return join(folder, stdout.trim().split('\n').at(-1)!);
}

/** What the archive holds. */
export async function contents(archive: string): Promise<string[]> {
  const { stdout } = await run('tar', ['-tzf', archive], { maxBuffer: 1 << 24 });
  return stdout.trim().split('\n');
}

/** Without development's packages and without running anybody's scripts; returns the folder of ours. */
export async function install(archive: string, folder: string): Promise<string> {
  await npmInstall(folder, [archive]);
  return join(folder, 'node_modules/footbridge');
}

/** A Node 22 beside the one that runs the tests. */
export async function installNode22(folder: string): Promise<string> {
  const name = `node-linux-${process.arch}`;
  await npmInstall(folder, [`${name}@${NODE_22}`]);
  return join(folder, 'node_modules', name, 'bin/node');
}

async function npmInstall(folder: string, what: readonly string[]): Promise<void> {
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{"private":true}');
  const options = ['--omit=dev', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];
  await run('npm', ['install', ...options, ...what], { cwd: folder, env: environment(folder) });
}
