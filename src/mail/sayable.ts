/** What people have given as their account's or organization's name, as it may be said in a letter; undefined: it is not. */
import { nameOf, oneLine } from './address.ts';

/** More is nobody's address, masked. */
const MAX_MASKED_LENGTH = 100;
/** `a…@example.com`: something is left out before the @, so that no mail program makes an address of it. */
const MASKED = /^[^\s@/:<>()]*[*•·…][^\s@/:<>()]*@[\p{L}\p{N}.*•·…-]+$/u;

export function sayable(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const line = oneLine(text.toWellFormed());
  return line.length <= MAX_MASKED_LENGTH && MASKED.test(line) ? line : nameOf(line);
}
