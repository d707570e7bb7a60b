/** Structured log on stderr. Only named fields are written, and the names of secrets never are. */
import type { Logger } from 'pino';
import pino from 'pino';
import { FootbridgeError } from '../errors.ts';

export type Log = Logger;

/** A second net: what is logged is chosen field by field, and these are cut wherever they turn up. */
const SECRET_PATHS = [
  'password',
  'secret',
  'token',
  'code',
  'hash',
  'cookie',
  'authorization',
  'ticket',
  'totp',
  'seed',
  'url',
].flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

export function openLog(options: { level: string; pretty?: boolean }): Log {
  return pino(
    {
      level: options.level,
      base: null,
      redact: { paths: SECRET_PATHS, censor: '[secret]' },
      serializers: { error: describeError },
    },
    pino.destination({ fd: 2, sync: false }),
  );
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
