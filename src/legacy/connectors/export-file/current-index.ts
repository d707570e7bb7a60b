/**
 * The index that questions go to. When the files change, the next one is built beside it and takes its place as a whole;
 * until then, and while a new file is only half written, the old one answers as long as its file can be read.
 */
import { FootbridgeError } from '../../../errors.ts';
import type { ExportIndex } from './export-index.ts';

export interface IndexSource {
  /** What the files are just now. Throws legacy_unavailable. */
  version(): Promise<string>;
  build(signal: AbortSignal): Promise<ExportIndex>;
  warn(sentence: string): void;
}

export interface IndexLimits {
  readonly reloadMs: number;
  /** For the first index; who waits longer is told that it is being made. */
  readonly waitMs: number;
}

export class CurrentIndex {
  readonly #source: IndexSource;
  readonly #limits: IndexLimits;
  readonly #closing = new AbortController();
  #index: Shared | undefined;
  #building: Promise<void> | undefined;
  /** Files that were not taken: they are tried again when they change. */
  #refused: string | undefined;
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(source: IndexSource, limits: IndexLimits) {
    this.#source = source;
    this.#limits = limits;
  }

  /** Throws legacy_unavailable. */
  async use<T>(question: (index: ExportIndex) => Promise<T>): Promise<T> {
    await this.#look();
    if (!this.#index) await this.#waitForFirst();
    const index = this.#index;
    if (!index) throw unavailable('the export is not indexed');
    return index.use(question);
  }

  /** The first index is there, however long that takes; throws legacy_unavailable. */
  async ready(): Promise<void> {
    await this.#look();
    if (!this.#index) await this.#building;
  }

  /** Starts what is to be done beforehand. Never fails: whoever asks is told. */
  start(): void {
    this.#look().catch(() => undefined);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#building?.catch(() => undefined);
    await this.#index?.retire();
    this.#index = undefined;
  }

  async #look(): Promise<void> {
    const now = performance.now();
    if (this.#index && now - this.#lookedMs < this.#limits.reloadMs) return;
    const version = await this.#source.version();
    this.#lookedMs = now;
    if (version === this.#index?.index.version || version === this.#refused || this.#building) return;
    if (this.#closing.signal.aborted) return;
    this.#building = this.#build(version).finally(() => {
      this.#building = undefined;
    });
    this.#building.catch(() => undefined);
  }

  async #waitForFirst(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(unavailable('the export is being indexed')), this.#limits.waitMs);
    });
    try {
      await Promise.race([this.#building, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #build(version: string): Promise<void> {
    const { build, warn } = this.#source;
    try {
      const next = await build(this.#closing.signal);
      if (this.#index && next.isCut()) {
        await next.close();
        throw unavailable('it ends in the middle of a record');
      }
      for (const sentence of next.warnings) warn(sentence);
      const last = this.#index;
      this.#index = new Shared(next);
      this.#refused = undefined;
      await last?.retire();
    } catch (error) {
      if (!this.#index || this.#closing.signal.aborted) throw error;
      // Files that were still being written have another version by now.
      this.#refused = version;
      warn(`the new export is not taken: ${(error as FootbridgeError).detail}`);
    }
  }
}

/** Closed when the last question is answered. */
class Shared {
  readonly index: ExportIndex;
  #questions = 0;
  #isRetired = false;

  constructor(index: ExportIndex) {
    this.index = index;
  }

  async use<T>(question: (index: ExportIndex) => Promise<T>): Promise<T> {
    this.#questions += 1;
    try {
      return await question(this.index);
    } finally {
      this.#questions -= 1;
      if (this.#isRetired && this.#questions === 0) await this.index.close();
    }
  }

  async retire(): Promise<void> {
    this.#isRetired = true;
    if (this.#questions === 0) await this.index.close();
  }
}

const unavailable = (detail: string) =>
  new FootbridgeError('legacy_unavailable', { detail, retryAfterSeconds: 2 });
