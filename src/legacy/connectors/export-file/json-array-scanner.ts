/** Finds the elements of one array in a JSON document by its brackets and quotes, a chunk at a time. */

export interface Element {
  /** Bytes from the first one fed. */
  readonly start: number;
  readonly end: number;
  /** From 1. */
  readonly line: number;
}

const [QUOTE, BACKSLASH, NEWLINE, COLON, COMMA] = [0x22, 0x5c, 0x0a, 0x3a, 0x2c];
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [0x7b, 0x7d, 0x5b, 0x5d];
const MAX_KEY_BYTES = 1_024;

export class JsonArrayScanner {
  /** The whole array has been seen, or the document has ended without one. */
  isDone = false;
  line = 1;
  /** Where the element begins that has not ended yet. */
  openSince: number | undefined;
  readonly #path: readonly string[];
  #position = 0;
  /** Open brackets. */
  #depth = 0;
  #inString = false;
  #isEscaped = false;
  /** How many names of the path have been gone into. */
  #entered = 0;
  /** The array has been found: its elements stand at this depth. */
  #elementDepth = 0;
  #elementLine = 1;
  #keyBytes: number[] | undefined;
  #key: string | undefined;
  #isKeyNext = false;

  constructor(path: readonly string[]) {
    this.#path = path;
  }

  /** The elements that end in this chunk. */
  feed(chunk: Uint8Array): Element[] {
    const found: Element[] = [];
    for (let index = 0; index < chunk.length && !this.isDone; index++) {
      const byte = chunk[index]!;
      if (byte === NEWLINE) this.line += 1;
      if (this.#inString) this.#withinString(byte);
      else if (this.#elementDepth > 0) this.#withinArray(byte, this.#position, found);
      else this.#onTheWay(byte);
      this.#position += 1;
    }
    return found;
  }

  #withinString(byte: number): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (byte === BACKSLASH) this.#isEscaped = true;
    else if (byte === QUOTE) {
      this.#inString = false;
      if (this.#keyBytes) this.#key = keyOf(this.#keyBytes);
      this.#keyBytes = undefined;
      return;
    }
    if (this.#keyBytes && this.#keyBytes.length <= MAX_KEY_BYTES) this.#keyBytes.push(byte);
  }

  #withinArray(byte: number, position: number, found: Element[]): void {
    const isOutside = this.#depth === this.#elementDepth;
    const ends = isOutside && (byte === COMMA || byte === CLOSE_ARRAY);
    if (ends) this.#end(position, found);
    else if (isOutside && this.openSince === undefined && byte > 0x20) this.#begin(position);
    if (byte === QUOTE) this.#inString = true;
    else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) this.#depth += 1;
    else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      this.#depth -= 1;
      if (this.#depth < this.#elementDepth) this.isDone = true;
      else if (this.#depth === this.#elementDepth) this.#end(position + 1, found);
    }
  }

  #begin(position: number): void {
    this.openSince = position;
    this.#elementLine = this.line;
  }

  #end(end: number, found: Element[]): void {
    if (this.openSince !== undefined) found.push({ start: this.openSince, end, line: this.#elementLine });
    this.openSince = undefined;
  }

  /** Outside the array: only the names on the way to it count. */
  #onTheWay(byte: number): void {
    const isOnPath = this.#depth === this.#entered + 1;
    switch (byte) {
      case QUOTE:
        this.#inString = true;
        if (isOnPath && this.#isKeyNext) this.#keyBytes = [];
        return;
      case COLON:
        if (isOnPath) this.#isKeyNext = false;
        return;
      case COMMA:
        if (isOnPath) this.#isKeyNext = true;
        this.#key = undefined;
        return;
      case OPEN_OBJECT:
      case OPEN_ARRAY:
        this.#open(byte, isOnPath);
        return;
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        this.#depth -= 1;
        if (this.#depth <= this.#entered) this.#entered = Math.max(0, this.#depth - 1);
        if (this.#depth <= 0) this.isDone = true;
    }
  }

  #open(byte: number, isOnPath: boolean): void {
    const isRoot = this.#depth === 0;
    const isNamed = isOnPath && this.#key !== undefined && this.#key === this.#path[this.#entered];
    const left = this.#path.length - this.#entered - (isNamed ? 1 : 0);
    this.#depth += 1;
    if (isNamed) this.#entered += 1;
    this.#key = undefined;
    if (!isRoot && !isNamed) return;
    if (byte === OPEN_ARRAY && left === 0) this.#elementDepth = this.#depth;
    else if (byte === OPEN_OBJECT && left > 0) this.#isKeyNext = true;
    else if (isNamed) this.#entered -= 1;
  }
}

function keyOf(bytes: readonly number[]): string | undefined {
  try {
    return JSON.parse(`"${Buffer.from(bytes).toString('utf8')}"`);
  } catch {
    return undefined;
  }
}
