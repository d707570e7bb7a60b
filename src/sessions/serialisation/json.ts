/** Sessions in JSON (RFC 8259), bounded. */
import { bounded, deeper, Malformed, utf8Text, valueCount } from './bounds.ts';
import type { SessionMap } from './fields.ts';

/** The map that the text is; undefined for everything else. Never throws. */
export function readJsonMap(stored: Uint8Array): SessionMap | undefined {
  return bounded(stored, (bytes) => {
    const text = utf8Text(bytes);
    // Parsing is not recursive; what comes out is measured before anybody walks it.
    return text === undefined ? undefined : asBoundedMap(JSON.parse(text));
  });
}

function asBoundedMap(value: unknown): SessionMap | undefined {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined;
  measure(value, 0, valueCount());
  return value as SessionMap;
}

function measure(value: unknown, depth: number, count: ReturnType<typeof valueCount>): void {
  count.add();
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Malformed('no number');
  if (value === null || typeof value !== 'object') return;
  for (const inner of Object.values(value)) measure(inner, deeper(depth), count);
}

/** JSON in ASCII, as Python writes it, and as Django insists on: it decodes the bytes as Latin-1. */
export const asciiJson = (value: unknown): Buffer =>
  Buffer.from(
    JSON.stringify(value).replace(
      /[^\x00-\x7f]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    ),
  );
