/** package-lock.json, as far as packaging reads it: what is installed, in which version, under which licence. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface LockedPackage {
  readonly version?: string;
  readonly license?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  /** Wanted by development alone. */
  readonly dev?: true;
  readonly optional?: true;
}

export interface Lockfile {
  readonly name: string;
  readonly version: string;
  readonly lockfileVersion: number;
  /** By folder: `node_modules/koa`; the project itself is the empty one. */
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

export const readLockfile = (root: string) =>
  JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lockfile;

/** Of `node_modules/koa/node_modules/depd`: depd. */
export const nameOf = (folder: string) => folder.replace(/^.*node_modules\//, '');

/** What whoever installs us gets, the optional ones too; without the project itself. */
export const shipped = ({ packages }: Lockfile) =>
  Object.entries(packages).filter(([folder, one]) => folder !== '' && !one.dev);
