/** What targets' own decoders insist on. */

/** Base64 with or without padding, and no stray bits: Go's `Strict()`. */
export function strictBase64(text: string | undefined, padded: boolean): Buffer | undefined {
  if (text === undefined) return undefined;
  const bytes = Buffer.from(text, 'base64');
  const canonical = bytes.toString('base64');
  return text === (padded ? canonical : canonical.replace(/=+$/, '')) ? bytes : undefined;
}

/** Hex in small letters. */
export function strictHex(text: string | undefined): Buffer | undefined {
  return text !== undefined && /^(?:[0-9a-f]{2})+$/.test(text) ? Buffer.from(text, 'hex') : undefined;
}
