#!/usr/bin/env node
// Plain JavaScript on purpose: it must run on any Node, to hand over to the one the project brings along.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism, constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const [major, minor] = process.versions.node.split('.').map(Number);
const runsTypeScript = major > 22 || (major === 22 && minor >= 18);
const entry = ['../src/main.ts', '../src/main.js']
  .map((path) => fileURLToPath(new URL(path, import.meta.url)))
  .find(existsSync);
const bundled = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url));

// libuv's pool is shared by argon2, DNS and files: wide enough that hashing never starves the others.
process.env.UV_THREADPOOL_SIZE ??= String(availableParallelism() + 6);

if (runsTypeScript) {
  await import(entry);
} else if (existsSync(bundled)) {
  const child = spawn(bundled, [entry, ...process.argv.slice(2)], { stdio: 'inherit' });
  // The terminal sends Ctrl-C to both; a supervisor's signal reaches only us and is passed on.
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  process.on('SIGINT', () => {});
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
} else {
  console.error(
    `Footbridge needs Node 22.18 or newer (this is ${process.versions.node}). \`npm ci\` without --omit=optional brings one along.`,
  );
  process.exit(2);
}
