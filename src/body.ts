/** Reads a request's body, never more than `BODY_BYTES`. */
import type { IncomingMessage } from 'node:http';
import { FootbridgeError } from './errors.ts';
import { BODY_BYTES } from './settings.ts';

/** The raw bytes. Throws body_too_large, before reading where the length is declared. */
export async function readBody(req: IncomingMessage): Promise<Buffer> {
  if (Number(req.headers['content-length'] ?? 0) > BODY_BYTES) throw new FootbridgeError('body_too_large');
  const chunks: Buffer[] = [];
  let received = 0;
  for await (const chunk of req) {
    received += (chunk as Buffer).length;
    if (received > BODY_BYTES) throw new FootbridgeError('body_too_large');
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
