/** Distinguished names as far as they have to be understood here: whether one lies below another (RFC 4514). */

const ESCAPED = /((?:\\[\da-f]{2})+)|\\([\s\S]?)/gi;

/**
 * The name's parts from the entry up, each written in one way: escapes resolved, case and blanks folded. `undefined`
 * where it is no distinguished name.
 */
export function partsOf(dn: string): string[] | undefined {
  const parts = split(dn, ',;').map((part) => split(part, '+').map(pairOf).sort());
  return parts.flat().includes(undefined) ? undefined : parts.map((pairs) => pairs.join('+'));
}

/** Whether the entry is the base or lies below it. */
export function isWithin(dn: string, base: string): boolean {
  const [entry, above] = [partsOf(dn), partsOf(base)];
  if (!entry || !above || above.length > entry.length) return false;
  return above.every((part, index) => part === entry[entry.length - above.length + index]);
}

/** Cuts at the separators that are not escaped. */
function split(text: string, separators: string): string[] {
  const parts = [''];
  for (const [token] of text.matchAll(/\\?[\s\S]/g)) {
    if (separators.includes(token)) parts.push('');
    else parts[parts.length - 1] += token;
  }
  return parts;
}

function pairOf(pair: string): string | undefined {
  const [, type, value] = /^\s*([a-z][\w-]*|\d+(?:\.\d+)+)\s*=([\s\S]*)$/i.exec(pair) ?? [];
  if (type === undefined || value === undefined) return undefined;
  const plain = value
    .trim()
    .replace(ESCAPED, (_all, bytes: string | undefined, letter: string | undefined) =>
      bytes ? Buffer.from(bytes.replaceAll('\\', ''), 'hex').toString() : (letter ?? ''),
    );
  // JSON, so that a value with separators in it is not taken for two parts.
  return JSON.stringify([type.toLowerCase(), plain.trim().replace(/\s+/g, ' ').toLowerCase()]);
}
