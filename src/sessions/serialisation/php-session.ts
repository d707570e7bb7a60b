/** What PHP's own session handlers write (`session.serialize_handler`). */
import { bounded, Malformed, utf8Text } from './bounds.ts';
import type { SessionMap } from './fields.ts';
import { phpReader, serialize } from './php-serialize.ts';

/** `php`: `name|value`, one after the other. Undefined: not in this format. Never throws. */
export function readPhpSession(stored: Uint8Array): SessionMap | undefined {
  return bounded(stored, (bytes) => {
    const reader = phpReader(bytes);
    const entries: [string, unknown][] = [];
    while (!reader.isAtEnd()) {
      const name = utf8Text(Buffer.from(reader.upTo('|', 256), 'latin1'));
      if (!name) throw new Malformed('name');
      entries.push([name, reader.value()]);
    }
    return Object.fromEntries(entries);
  });
}

/** Throws on names that PHP itself cannot write so. */
export function writePhpSession(data: SessionMap): string {
  return Object.entries(data)
    .map(([name, value]) => {
      if (!/^[^|!]{1,128}$/.test(name)) throw new Malformed('a PHP session has no names with | or !');
      return `${name}|${serialize(value)}`;
    })
    .join('');
}
