/** Writes a pack's files, a piece at a time: memory does not grow with the people. */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FootbridgeError } from '../../errors.ts';
import type { SectionEntry } from './manifest.ts';
import { LINES_SUFFIX, lineDigest } from './manifest.ts';

/** Nobody else on the machine reads whose secrets were released when. */
const OWNER_ONLY_FOLDER = 0o700;
const OWNER_ONLY = 0o600;
const BUFFERED_BYTES = 64 * 1_024;

export interface LinesFile {
  add(row: object): Promise<void>;
}

export interface PackWriter {
  /** All sections of lines stay open until `finish`. */
  lines(name: string, holds: string): Promise<LinesFile>;
  document(name: string, value: object, holds: string): Promise<void>;
  /** A file that is no section. */
  plain(name: string, text: string): Promise<void>;
  /** Of all sections, in the order in which they were opened; nothing is added to them afterwards. */
  sections(): Promise<SectionEntry[]>;
  /** From here on it is there under its name. */
  finish(): Promise<void>;
  /** Nothing of it stays. */
  abandon(): Promise<void>;
}

/** A pack that was cut off lies under another name. Throws bad_request where there is something already. */
export async function openPack(folder: string): Promise<PackWriter> {
  const partial = `${folder}.partial`;
  for (const taken of [folder, partial])
    if (await isThere(taken))
      throw new FootbridgeError('bad_request', {
        detail: `${taken} is there already: nothing is overwritten.`,
      });
  await mkdir(partial, { mode: OWNER_ONLY_FOLDER }).catch((error: NodeJS.ErrnoException) => {
    throw new FootbridgeError('bad_request', {
      detail: `${partial} cannot be made: ${error.code}`,
      cause: error,
    });
  });
  const sections: (() => Promise<SectionEntry>)[] = [];
  const files: HashedFile[] = [];
  const created = async (name: string) => {
    const file = new HashedFile(await open(join(partial, name), 'wx', OWNER_ONLY));
    files.push(file);
    return file;
  };
  const closeAll = () => Promise.all(files.map((file) => file.close()));
  return {
    async lines(name, holds) {
      const [file, digests] = [await created(name), await created(name + LINES_SUFFIX)];
      let rows = 0;
      sections.push(async () => {
        const [whole, marks] = [await file.end(), await digests.end()];
        return { name, holds, rows, ...whole, lines: marks.sha256 };
      });
      return {
        async add(row) {
          const line = JSON.stringify(row);
          rows += 1;
          await file.write(`${line}\n`);
          await digests.write(`${lineDigest(line)}\n`);
        },
      };
    },
    async document(name, value, holds) {
      const file = await created(name);
      await file.write(`${JSON.stringify(value, null, 2)}\n`);
      sections.push(async () => ({ name, holds, rows: 1, ...(await file.end()) }));
    },
    async plain(name, text) {
      const file = await created(name);
      await file.write(text);
      await file.end();
    },
    async sections() {
      const entries: SectionEntry[] = [];
      for (const end of sections) entries.push(await end());
      return entries;
    },
    async finish() {
      await closeAll();
      await rename(partial, folder);
    },
    async abandon() {
      await closeAll().catch(() => undefined);
      await rm(partial, { recursive: true, force: true });
    },
  };
}

const isThere = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );

class HashedFile {
  readonly #handle: FileHandle;
  readonly #hash = createHash('sha256');
  #pieces: string[] = [];
  #waiting = 0;
  #bytes = 0;
  #ended: { bytes: number; sha256: string } | undefined;
  #isClosed = false;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async write(text: string): Promise<void> {
    this.#pieces.push(text);
    this.#waiting += text.length;
    if (this.#waiting >= BUFFERED_BYTES) await this.#flush();
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.from(this.#pieces.join(''), 'utf8');
    this.#pieces = [];
    this.#waiting = 0;
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
    await this.#handle.writeFile(bytes);
  }

  async end(): Promise<{ bytes: number; sha256: string }> {
    if (this.#ended) return this.#ended;
    await this.#flush();
    // A pack that is handed on survives the machine's fall.
    await this.#handle.sync();
    this.#ended = { bytes: this.#bytes, sha256: this.#hash.digest('hex') };
    await this.close();
    return this.#ended;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#handle.close();
  }
}
