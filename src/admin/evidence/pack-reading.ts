/** Reads a pack's files without believing any of them: bounded, and nothing but plain files of the folder itself. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { foreignJson } from '../../body.ts';
import { FootbridgeError } from '../../errors.ts';

/** Manifest, signature and keys are small, whatever the pack holds. */
const SMALL_BYTES = 4 * 1_024 * 1_024;

/** Throws bad_request for what is no folder. */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).toSorted();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new FootbridgeError('bad_request', { detail: `${folder} cannot be read: ${code}`, cause: error });
  }
}

export async function isPlainFile(folder: string, name: string): Promise<boolean> {
  const found = await lstat(join(folder, name)).catch(() => undefined);
  return found?.isFile() ?? false;
}

/** Undefined where it is not there, no plain file, or far too large. */
export async function smallText(folder: string, name: string): Promise<string | undefined> {
  const found = await lstat(join(folder, name)).catch(() => undefined);
  if (!found?.isFile() || found.size > SMALL_BYTES) return undefined;
  return readFile(join(folder, name), 'utf8');
}

export const parsed = (text: string | Buffer | undefined): unknown => {
  try {
    return text === undefined ? undefined : foreignJson(String(text));
  } catch {
    return undefined;
  }
};

export interface FileSum {
  readonly bytes: number;
  readonly sha256: string;
}

export async function sumOf(folder: string, name: string): Promise<FileSum> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of createReadStream(join(folder, name)) as AsyncIterable<Buffer>) {
    hash.update(piece);
    bytes += piece.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

const NEWLINE = 0x0a;
/** No line of ours comes near it; one without an end does not fill the memory. */
const LINE_BYTES = 16 * 1_024 * 1_024;

/** What is between two line feeds, and nothing else ends a line: names may hold what other readers take for one. */
export async function* linesOf(folder: string, name: string): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let bytes = 0;
  const input = createReadStream(join(folder, name));
  try {
    for await (const piece of input as AsyncIterable<Buffer>) {
      let from = 0;
      for (let at = piece.indexOf(NEWLINE); at >= 0; at = piece.indexOf(NEWLINE, from)) {
        yield Buffer.concat([...held, piece.subarray(from, at)]);
        [held, bytes, from] = [[], 0, at + 1];
      }
      held.push(piece.subarray(from));
      bytes += piece.length - from;
      if (bytes < LINE_BYTES) continue;
      yield Buffer.concat(held);
      [held, bytes] = [[], 0];
    }
    if (bytes > 0) yield Buffer.concat(held);
  } finally {
    input.destroy();
  }
}
