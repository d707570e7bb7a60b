/** What the command line says of an error: one sentence for what an operator can mend, a place in the code only for what is our fault. */
import { CommanderError } from 'commander';
import { ConfigError } from './config.ts';
import { FootbridgeError } from './errors.ts';
import { PortBusyError } from './listener.ts';
import { sqlStateOf, UNDEFINED_TABLE } from './store/db.ts';
import { EmbeddedPostgresError } from './store/embedded.ts';
import { SchemaError } from './store/schema.ts';

/** 0: done; 1: found something wrong; 2: could not run. */
export const EXIT = { ok: 0, wrong: 1, failed: 2 } as const;

/** What was typed is wrong; each line names what. */
export class InputError extends Error {
  override name = 'InputError';
}

export interface Failed {
  readonly text: string;
  readonly code: number;
}

/** What is known of the configuration, once it was read. */
export interface Known {
  /** The setting `database.url`. */
  readonly database: string;
  /** It is the demo's own. */
  readonly isDemo: boolean;
}

export function failedBy(error: unknown, known: Known | undefined): Failed {
  if (error instanceof CommanderError)
    return { text: '', code: error.exitCode === 0 ? EXIT.ok : EXIT.failed };
  if (error instanceof ConfigError) return { text: error.message, code: EXIT.wrong };
  if (error instanceof FootbridgeError) {
    const text = error.code === 'storage_unavailable' ? away(error, known) : sentenceOf(error);
    return { text, code: error.code === 'user_not_found' ? EXIT.wrong : EXIT.failed };
  }
  return { text: refused(error, known) ?? plain(error), code: EXIT.failed };
}

/** What it is about, without who we are there. */
function ours(known: Known | undefined): string {
  if (!known || !URL.canParse(known.database)) return 'Our own database (`database.url`)';
  const { host, pathname } = new URL(known.database);
  return `Our own database (\`database.url\`: ${host || 'a socket'}, database ${decodeURIComponent(pathname.slice(1))})`;
}

const away = ({ detail = 'no answer' }: FootbridgeError, known: Known | undefined): string =>
  known?.isDemo
    ? `The demo is not running, or has just lost its database (${detail}): start it with \`npm start\`.`
    : `${ours(known)} does not answer: ${detail}. Is PostgreSQL running there, and reachable from here? What to do: docs/runbooks/our-database-down.md.`;

/** Sentences of these speak to callers of the API: here the detail says all. */
const SAID_BY_DETAIL: ReadonlySet<string> = new Set(['bad_request', 'not_found']);

function sentenceOf({ code, message, detail, status }: FootbridgeError): string {
  if (!detail) return message;
  if (SAID_BY_DETAIL.has(code)) return detail;
  return status < 500 ? `${message} ${detail}` : `${message} (${detail})`;
}

/** SQLSTATE (PostgreSQL, appendix A) of what a setting mends. */
const REFUSALS: ReadonlyMap<string, string> = new Map([
  ['28P01', 'correct `database.url`'],
  ['28000', 'correct `database.url`, or who may connect there (pg_hba.conf)'],
  ['3D000', 'make that database, or correct `database.url`'],
  ['42501', 'this user needs the rights of the database’s owner'],
  [UNDEFINED_TABLE, 'it lacks a schema step: run `footbridge schema up` first'],
]);

function refused(error: unknown, known: Known | undefined): string | undefined {
  const state = sqlStateOf(error);
  const remedy = state && REFUSALS.get(state);
  return remedy && `${ours(known)} refuses: ${(error as Error).message} (${state}): ${remedy}.`;
}

const FILES: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'this user may not',
  EISDIR: 'it is a folder',
  ENOTDIR: 'what it lies in is no folder',
  EROFS: 'nothing can be written there',
  ENOSPC: 'the disk is full',
};

function plain(error: unknown): string {
  const { code = '', path, syscall } = error as NodeJS.ErrnoException;
  if (path !== undefined && FILES[code]) return `${path} (${syscall}): ${FILES[code]}.`;
  if ([EmbeddedPostgresError, SchemaError, PortBusyError, InputError].some((kind) => error instanceof kind))
    return (error as Error).message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
