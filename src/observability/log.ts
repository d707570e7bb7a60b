/** Structured log on stderr. Only named fields are written, and what is called like a secret never is. */
import type { DestinationStream, Logger } from 'pino';
import pino from 'pino';
import { FootbridgeError } from '../errors.ts';
import { withoutSecrets } from './redaction.ts';

export type Log = Logger;

export interface LogOptions {
  readonly level: string;
  /** What every line says besides: of the request that is being served. */
  readonly fields?: () => Readonly<Record<string, string>>;
  /** Instead of stderr. */
  readonly to?: DestinationStream;
}

export function openLog({ level, fields, to }: LogOptions): Log {
  return pino(
    {
      level,
      base: null,
      // A second net: what is logged is chosen field by field.
      formatters: { log: withoutSecrets },
      serializers: { error: describeError },
      ...(fields ? { mixin: fields } : {}),
    },
    to ?? onStderr(),
  );
}

/** For as long as nobody takes them, this much of lines is kept and the next are lost: a minute of a busy node. */
const UNWRITTEN_BYTES = 8 * 1024 * 1024;

/** Lines go out together: a write for each request costs more than many a request. */
const TOGETHER_BYTES = 4_096;
const AT_LATEST_MS = 200;

/** A full disk, or a reader who stops reading, costs lines and never a login; pino would end the process (security.md R16). */
function onStderr(): DestinationStream {
  const stderr = pino.destination({
    fd: 2,
    sync: false,
    minLength: TOGETHER_BYTES,
    periodicFlush: AT_LATEST_MS,
    maxLength: UNWRITTEN_BYTES,
  });
  stderr.on('error', () => undefined);
  return stderr;
}

/** What an operator needs of an error; never its properties wholesale, which may hold queries and values. */
export function describeError(error: unknown): Record<string, unknown> {
  if (error instanceof FootbridgeError) {
    return {
      errorCode: error.code,
      detail: error.detail,
      ...(error.status >= 500 ? { cause: briefly(error.cause) } : {}),
    };
  }
  if (error instanceof Error)
    return { name: error.name, errorCode: (error as { code?: unknown }).code, where: placesOf(error) };
  return { name: typeof error };
}

function briefly(cause: unknown): string | undefined {
  return cause instanceof Error
    ? [cause.name, (cause as { code?: string }).code].filter(Boolean).join(' ')
    : undefined;
}

/** The stack without its message: messages of foreign libraries may quote input. */
function placesOf(error: Error): string[] {
  return (error.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 6)
    .map((line) => line.trim());
}
