/** A data folder of our own: made completely or not at all, and what its programs run under. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Account, Binaries } from './embedded-binaries.ts';
import {
  chooseAccount,
  EmbeddedPostgresError,
  findBinaries,
  linkLibraries,
  reachableBinaries,
  reachableFolder,
} from './embedded-binaries.ts';

export const MAJOR_VERSION = '18';
export const USER = 'footbridge';
/** initdb takes about one second; a slow disk takes longer. Older leftovers of it are deleted. */
const INITDB_TIMEOUT_MS = 120_000;

/** Where one cluster lives, and how its programs run. */
export interface Cluster {
  /** Holds `data`, `lib`, `password` and `postgres.log`. */
  readonly folder: string;
  readonly data: string;
  readonly account: Account;
  readonly binaries: Binaries;
}

export interface ClusterOptions {
  readonly dataDir: string;
  readonly fast: boolean;
  readonly log: (line: string) => void;
}

/** The cluster of this folder, made when missing. Throws EmbeddedPostgresError with one sentence. */
export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  try {
    return await open(options);
  } catch (error) {
    if (error instanceof EmbeddedPostgresError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new EmbeddedPostgresError(`The data folder ${options.dataDir} cannot be used: ${code ?? message}.`);
  }
}

async function open({ dataDir, fast, log }: ClusterOptions): Promise<Cluster> {
  const packaged = findBinaries();
  // Passable, because an unprivileged account may have to get to the cluster; that itself is closed.
  await mkdir(dataDir, { recursive: true, mode: 0o711 });
  const home = await realpath(dataDir);
  if (await exists(join(home, 'PG_VERSION'))) {
    throw new EmbeddedPostgresError(
      `${dataDir} is a data folder that another PostgreSQL made: choose an empty folder, or run that server and set database.url.`,
    );
  }
  const link = join(home, 'cluster');
  const account = await chooseAccount(link);
  const binaries = await reachableBinaries(packaged, account);
  if (!(await exists(link))) {
    log(`Creating a PostgreSQL ${MAJOR_VERSION} data folder in ${dataDir}`);
    await createCluster({ home, link, account, binaries, fast });
  }
  const folder = await realpath(link);
  const data = join(folder, 'data');
  await checkVersion(data);
  await linkLibraries(binaries, join(folder, 'lib'));
  return { folder, data, account, binaries };
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}

async function checkVersion(data: string): Promise<void> {
  const version = (await readFile(join(data, 'PG_VERSION'), 'utf8')).trim();
  if (version === MAJOR_VERSION) return;
  throw new EmbeddedPostgresError(
    `The data folder ${data} was made by PostgreSQL ${version} and this is ${MAJOR_VERSION}: keep it for a PostgreSQL ${version} server (database.url), or choose another folder.`,
  );
}

/** initdb into a folder beside, renamed when complete: one that was killed half-way never counts. */
async function createCluster(place: {
  home: string;
  link: string;
  account: Account;
  binaries: Binaries;
  fast: boolean;
}): Promise<void> {
  const { home, link, account, binaries, fast } = place;
  const root = await reachableFolder(home, account);
  await removeLeftovers(root);
  const staging = await mkdtemp(join(root, '.initdb-'));
  const [data, lib, password] = ['data', 'lib', 'password'].map((name) => join(staging, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(password, randomBytes(24).toString('base64url'), { mode: 0o600 });
  await linkLibraries(binaries, lib);
  if (account.ids) {
    for (const path of [staging, lib, password]) await chown(path, account.ids.uid, account.ids.gid);
  }
  const args = [
    `--pgdata=${data}`,
    `--username=${USER}`,
    `--pwfile=${password}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    // The same order and case rules on every machine, whatever its locale.
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
    ...(fast ? ['--no-sync'] : []),
  ];
  await initdb({ folder: staging, data, account, binaries }, args);
  const target = root === home ? link : join(root, 'cluster');
  // Somebody else's was complete first: theirs counts.
  await rename(staging, target).catch(() => rm(staging, { recursive: true, force: true }));
  if (target !== link) await symlink(target, link).catch(() => undefined);
}

async function removeLeftovers(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    if (!name.startsWith('.initdb-')) continue;
    const { mtimeMs } = await stat(join(root, name));
    // A younger one may be another start's, still at work.
    if (Date.now() - mtimeMs > INITDB_TIMEOUT_MS)
      await rm(join(root, name), { recursive: true, force: true });
  }
}

async function initdb(cluster: Cluster, args: readonly string[]): Promise<void> {
  const { file, argv, options } = program(cluster, 'initdb', args);
  await promisify(execFile)(file, argv, { ...options, timeout: INITDB_TIMEOUT_MS }).catch(async (error) => {
    await rm(cluster.folder, { recursive: true, force: true });
    const reason = String(error.stderr || error.message)
      .trim()
      .split('\n')
      .at(-1);
    throw new EmbeddedPostgresError(`PostgreSQL could not create its data folder: ${reason}.`);
  });
}

/** How to run one of the binaries for this cluster. */
export function program({ folder, account, binaries }: Cluster, name: string, args: readonly string[]) {
  const [file, ...argv] = [...account.prefix, join(binaries.folder, 'bin', name), ...args];
  const libraries = [join(folder, 'lib'), join(binaries.folder, 'lib')].join(':');
  // Nothing of our environment: PG* variables would change its mind, and it has no business with our secrets.
  const env = {
    PATH: process.env.PATH,
    LC_ALL: 'C',
    LD_LIBRARY_PATH: libraries,
    DYLD_LIBRARY_PATH: libraries,
  };
  return { file: file!, argv, options: { cwd: '/', env, ...account.ids } };
}
