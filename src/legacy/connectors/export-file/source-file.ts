/**
 * One file of an export as UTF-8 text that can be read anywhere. What is packed or written otherwise is unpacked once
 * into a private file without a name: nobody else can open it, and it is gone when the process ends, however it ends.
 */
import { isUtf8 } from 'node:buffer';
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { TextDecoder } from 'node:util';
import { createGunzip } from 'node:zlib';

export const ENCODINGS = ['utf-8', 'utf-16le', 'utf-16be', 'latin1'] as const;
export type Encoding = (typeof ENCODINGS)[number];

const CHUNK_BYTES = 256 * 1_024;
/** More than any export of users; less than what a hostile archive would fill the disk with. */
const MAX_UNPACKED_BYTES = 64 * 1_024 ** 3;

export interface SourceFile {
  readonly path: string;
  /** Behind the byte order mark. */
  readonly start: number;
  /** The packed file ended too early: what came until then is there. */
  readonly isCut: boolean;
  /** Everyone, or the group, may read it: in an export of hashes that is worth a warning. */
  readonly isOpenToOthers: boolean;
  /** From an offset on; ends with the file. */
  chunks(from: number): AsyncGenerator<Buffer>;
  /** Exactly these bytes; undefined where the file ends before. Whether they are still the same, `isUnchanged` says. */
  read(offset: number, length: number): Promise<Buffer | undefined>;
  /** Whether text was lost in the change of its encoding: it cannot be told from the bytes any more. */
  readonly isTranscoded: boolean;
  isUnchanged(): Promise<boolean>;
  close(): Promise<void>;
}

/** Throws what the file system throws, and an Error where the path is no file. */
export async function openSource(path: string, encoding: Encoding): Promise<SourceFile> {
  const original = await open(path, 'r');
  try {
    const stat = await original.stat({ bigint: true });
    if (!stat.isFile()) throw new Error('not a file');
    const head = await headOf(original);
    const isPacked = head[0] === 0x1f && head[1] === 0x8b;
    if (!isPacked && encodingOf(head, encoding) === 'utf-8') {
      return sourceOver(path, original, { stat, start: markLength(head), isCut: false, isTranscoded: false });
    }
    const unpacked = await unpack(original, isPacked, encoding);
    await original.close();
    return sourceOver(path, unpacked.handle, {
      stat,
      start: markLength(await headOf(unpacked.handle)),
      ...unpacked,
    });
  } catch (error) {
    await original.close().catch(() => undefined);
    throw error;
  }
}

interface Opened {
  readonly stat: BigIntStats;
  readonly start: number;
  readonly isCut: boolean;
  readonly isTranscoded: boolean;
  /** A private copy: nobody changes it. */
  readonly isCopy?: boolean;
}

function sourceOver(path: string, handle: FileHandle, opened: Opened): SourceFile {
  const { stat, isCopy = false } = opened;
  const isUnchanged = async () => {
    if (isCopy) return true;
    const now = await handle.stat({ bigint: true });
    return now.size === stat.size && now.mtimeNs === stat.mtimeNs;
  };
  return {
    path,
    start: opened.start,
    isCut: opened.isCut,
    isTranscoded: opened.isTranscoded,
    isOpenToOthers: (stat.mode & 0o044n) !== 0n,
    isUnchanged,
    async *chunks(from) {
      for (let at = from; ; ) {
        const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
        const { bytesRead } = await handle.read(chunk, 0, CHUNK_BYTES, at);
        if (bytesRead === 0) return;
        yield chunk.subarray(0, bytesRead);
        at += bytesRead;
      }
    },
    async read(offset, length) {
      const bytes = Buffer.allocUnsafe(length);
      const { bytesRead } = await handle.read(bytes, 0, length, offset);
      return bytesRead === length ? bytes : undefined;
    },
    close: () => handle.close(),
  };
}

async function headOf(handle: FileHandle): Promise<Buffer> {
  const head = Buffer.alloc(4);
  const { bytesRead } = await handle.read(head, 0, 4, 0);
  return head.subarray(0, bytesRead);
}

/** A byte order mark says more than the settings (RFC 3629 section 6, RFC 2781 section 3.2). */
function encodingOf(head: Buffer, configured: Encoding): Encoding {
  if (markLength(head) > 0) return 'utf-8';
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  return head[0] === 0xfe && head[1] === 0xff ? 'utf-16be' : configured;
}

const markLength = (head: Buffer) => (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0);

async function unpack(original: FileHandle, isPacked: boolean, encoding: Encoding) {
  const handle = await openNameless();
  let isTranscoded = false;
  const chunks = original.createReadStream({ start: 0, autoClose: false });
  const write = async (bytes: AsyncIterable<Buffer>) => {
    for await (const chunk of asUtf8(bytes, encoding, () => (isTranscoded = true)))
      await handle.appendFile(chunk);
  };
  try {
    await (isPacked ? pipeline(chunks, createGunzip(), write) : pipeline(chunks, write));
  } catch (error) {
    // Both mean that the end is missing; what was whole before it has been written.
    if (!['Z_BUF_ERROR', 'Z_DATA_ERROR'].includes((error as NodeJS.ErrnoException).code ?? '')) {
      await handle.close();
      throw error;
    }
    return { handle, isCut: true, isTranscoded, isCopy: true };
  }
  return { handle, isCut: false, isTranscoded, isCopy: true };
}

async function openNameless(): Promise<FileHandle> {
  const folder = await mkdtemp(join(tmpdir(), 'footbridge-export-'));
  try {
    return await open(join(folder, 'unpacked'), 'wx+', 0o600);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function* asUtf8(
  chunks: AsyncIterable<Buffer>,
  configured: Encoding,
  transcoding: () => void,
): AsyncGenerator<Buffer> {
  let decoder: TextDecoder | undefined;
  let length = 0;
  let isFirst = true;
  for await (const chunk of chunks) {
    if (isFirst) {
      const encoding = encodingOf(chunk, configured);
      if (encoding !== 'utf-8') decoder = new TextDecoder(encoding);
      if (decoder) transcoding();
      isFirst = false;
    }
    length += chunk.length;
    if (length > MAX_UNPACKED_BYTES) throw new Error('unpacked, it is larger than an export can be');
    yield decoder ? Buffer.from(decoder.decode(chunk, { stream: true })) : chunk;
  }
  if (decoder) yield Buffer.from(decoder.decode());
}

/** The text of a record. Throws an Error that says why it has none. */
export function textOfRecord(bytes: Buffer, { isTranscoded }: SourceFile): string {
  const text = bytes.toString('utf8');
  if (text.includes('\uFFFD') && (isTranscoded || !isUtf8(bytes)))
    throw new Error('not in the encoding expected');
  return text;
}
