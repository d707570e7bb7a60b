#!/usr/bin/env node
// Plain JavaScript on purpose: it must run on any Node, to hand over to the one the project brings along.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import module from 'node:module';
import { availableParallelism, constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [major, minor] = process.versions.node.split('.').map(Number);
// undici asks for 22.19; Node runs TypeScript from 22.18 on.
const isNewEnough = major > 22 || (major === 22 && minor >= 19);
// A package has no sources, and below node_modules Node runs no TypeScript; a checkout has both, and the sources may be newer.
const compiled = at('dist/main.js');
const entry = isCurrent(compiled) ? compiled : at('src/main.ts');

// libuv's pool is shared by argon2, DNS and files: wide enough that hashing never starves the others.
process.env.UV_THREADPOOL_SIZE ??= String(availableParallelism() + 6);

// Where it may be written; whoever runs from a folder of another's starts a little slower.
const compileCache = at('dist/.cache');
if (isNewEnough) module.enableCompileCache(compileCache);
else process.env.NODE_COMPILE_CACHE ??= compileCache;
const broughtAlong = isNewEnough ? undefined : findNode();
if (isNewEnough) {
  await import(entry);
} else if (broughtAlong) {
  const child = spawn(broughtAlong, [entry, ...process.argv.slice(2)], { stdio: 'inherit' });
  // The terminal sends Ctrl-C to both; a supervisor's signal reaches only us and is passed on.
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  process.on('SIGINT', () => {});
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
} else {
  console.error(
    `Footbridge needs Node 22.19 or newer (this is ${process.versions.node}). Install one, or install Footbridge without --omit=optional: on Linux it brings one along.`,
  );
  process.exit(2);
}

function at(path) {
  return fileURLToPath(new URL(`../${path}`, import.meta.url));
}

/** Whether none of its sources is newer. */
function isCurrent(file) {
  const { mtimeMs } = statSync(file, { throwIfNoEntry: false }) ?? {};
  const sources = ['src', 'example/demo', 'migrations'].map(at).filter(existsSync);
  return mtimeMs !== undefined && !sources.some((folder) => hasNewer(folder, mtimeMs));
}

function hasNewer(folder, mtimeMs) {
  return readdirSync(folder, { withFileTypes: true }).some((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? hasNewer(path, mtimeMs) : statSync(path).mtimeMs > mtimeMs;
  });
}

/** By its package, wherever that was put; only Linux has one. */
function findNode() {
  try {
    const name = `node-${process.platform}-${process.arch}/package.json`;
    const file = join(dirname(module.createRequire(import.meta.url).resolve(name)), 'bin', 'node');
    return existsSync(file) ? file : undefined;
  } catch {
    return undefined;
  }
}
