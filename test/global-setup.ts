/** One PostgreSQL for the whole run, and in it one template database with every schema step applied. */
import { mkdtemp, readdir, rm, statfs } from 'node:fs/promises';
import { freemem, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startEmbeddedPostgres } from '../src/store/embedded.ts';
import { stopPostmaster } from '../src/store/postmaster.ts';
import { schemaUp } from '../src/store/schema.ts';
import { execute, withDatabase } from './support/database.ts';

/** What the tests get to know: the server's URL and the template's name, or why there is neither. */
export type TestServer =
  | {
      readonly url: string;
      readonly template: string;
      readonly prefix: string;
      /** How a database is copied, as `create database` is told. */
      readonly copying: string;
    }
  | { readonly problem: string };

declare module 'vitest' {
  interface ProvidedContext {
    postgres: TestServer;
  }
}

const DATA_PREFIX = 'footbridge-test-';
/** What Node has made of our TypeScript: hundreds of processes that tests start find it made, which is half of their start. */
const COMPILE_CACHE = resolve(import.meta.dirname, '../node_modules/.cache/footbridge-tests');

/** Thousands of databases are made and dropped: where there is room they stand in memory, and nobody waits for a disk. */
const MEMORY = '/dev/shm';
const ROOM_BYTES = 4 * 1024 ** 3;

export default async function setup(project: TestProject) {
  process.env.NODE_COMPILE_CACHE ??= COMPILE_CACHE;
  const server = await startServer().catch((error: Error) => ({
    problem: error.message,
    stop: async () => {},
  }));
  if ('problem' in server) {
    // Most tests need no database: only those that ask for one fail, with this reason.
    project.provide('postgres', { problem: server.problem });
    return server.stop;
  }
  const prefix = `fb_${process.pid}_${Date.now().toString(36)}`;
  const template = `${prefix}_template`;
  try {
    await execute(server.url, `create database ${template}`);
    await schemaUp({ url: withDatabase(server.url, template) });
    project.provide('postgres', { url: server.url, template, prefix, copying: await copyingAt(server.url) });
  } catch (error) {
    project.provide('postgres', { problem: (error as Error).message });
  }
  return async () => {
    if (!server.ours) await dropAll(server.url, prefix);
    await server.stop();
  };
}

/** Files are copied in half the time that it takes to log each of their pages; before PostgreSQL 15 nobody was asked. */
async function copyingAt(url: string): Promise<string> {
  const [row] = await execute(url, `select current_setting('server_version_num')::int >= 150000 as asks`);
  return row?.asks ? 'strategy file_copy' : '';
}

async function startServer() {
  const given = process.env.TEST_DATABASE_URL;
  if (given) return { url: given, ours: false, stop: async () => {} };
  for (const folder of [tmpdir(), MEMORY]) await removeOrphans(folder);
  const dataDir = await mkdtemp(
    join((await hasRoom(MEMORY)) ? MEMORY : tmpdir(), `${DATA_PREFIX}${process.pid}-`),
  );
  const postgres = await startEmbeddedPostgres({ dataDir, fast: true });
  return {
    url: postgres.url('postgres'),
    ours: true,
    stop: async () => {
      await postgres.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function hasRoom(folder: string): Promise<boolean> {
  const found = await statfs(folder).catch(() => undefined);
  return found !== undefined && found.bavail * found.bsize > ROOM_BYTES && freemem() > ROOM_BYTES;
}

/** A killed run cannot stop its server: the next run does. The folder's name tells whose it was. */
async function removeOrphans(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(DATA_PREFIX)) continue;
    const owner = Number(name.slice(DATA_PREFIX.length).split('-')[0]);
    if (isAlive(owner)) continue;
    const orphan = join(folder, name);
    await stopPostmaster(join(orphan, 'cluster', 'data'));
    await rm(orphan, { recursive: true, force: true }).catch(() => undefined);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function dropAll(url: string, prefix: string): Promise<void> {
  const names = await execute(url, `select datname from pg_database where starts_with(datname, '${prefix}')`);
  for (const { datname } of names) await execute(url, `drop database if exists ${datname} with (force)`);
}
