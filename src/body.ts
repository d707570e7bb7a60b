/** What others send: a request's body, never more than `BODY_BYTES`, and the form or the JSON in it. */
import type { IncomingMessage } from 'node:http';
import { FootbridgeError } from './errors.ts';
import { BODY_BYTES } from './settings.ts';

/**
 * The raw bytes. Throws body_too_large, before reading where the length is declared, and bad_request where the sender leaves in
 * the middle: that is nobody's failure here.
 */
export async function readBody(req: IncomingMessage): Promise<Buffer> {
  if (Number(req.headers['content-length'] ?? 0) > BODY_BYTES) throw new FootbridgeError('body_too_large');
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let received = 0;
  let isRead = false;
  // Every request closes in the end, and an error takes longer to make than the body to read.
  const broken = (cause?: unknown) => {
    if (!isRead)
      reject(new FootbridgeError('bad_request', { detail: 'the body was never completed', cause }));
  };
  req.on('data', (chunk: Buffer) => {
    received += chunk.length;
    // What is left of a body that is too large is dropped behind the answer: to destroy the request would take its connection, too.
    if (received > BODY_BYTES) reject(new FootbridgeError('body_too_large'));
    else chunks.push(chunk);
  });
  req.once('end', () => {
    isRead = true;
    resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
  });
  req.once('error', broken);
  req.once('close', broken);
  // Whoever left before has nothing more to tell.
  if (req.destroyed) broken();
  return promise;
}

const FORM = Symbol('form');
type State = { [FORM]?: Buffer | URLSearchParams };

/** For all who come behind the front door, which has read and checked it. */
export function keepForm(state: State, body: Buffer): void {
  state[FORM] = body;
}

/**
 * The posted form, of a request that carried one. Not a getter of the request's state: V8 keeps such a getter, and all that it can
 * reach, until its next full collection.
 */
export function postedForm(state: State): URLSearchParams | undefined {
  const kept = state[FORM];
  if (!Buffer.isBuffer(kept)) return kept;
  const form = new URLSearchParams(kept.toString());
  state[FORM] = form;
  return form;
}

/**
 * Whoever compares an object with a number, or makes a text of it, calls these; a value in their place breaks them. A schema
 * does so too: it looks at the length of what should have been a text, and an object may have any.
 */
export const CALLED_NAMES: ReadonlySet<string> = new Set(['toString', 'valueOf']);
const MAY_HOLD_ONE = /toString|valueOf|\\u/;

/** JSON of somebody else's. Throws a SyntaxError for what is none, and for one with such a name in it. */
export function foreignJson(text: string): unknown {
  return MAY_HOLD_ONE.test(text) ? JSON.parse(text, withoutCalled) : JSON.parse(text);
}

function withoutCalled(name: string, value: unknown): unknown {
  if (CALLED_NAMES.has(name)) throw new SyntaxError('a member that no message has');
  return value;
}
