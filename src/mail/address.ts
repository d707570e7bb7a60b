/** Addresses and names as they may stand in a header and an envelope: one line, one person. */

export interface Mailbox {
  readonly name?: string;
  readonly address: string;
}

/** RFC 5321 section 4.5.3.1.3, without the angle brackets. */
const MAX_ADDRESS_LENGTH = 254;
/** More is nobody's name. */
const MAX_NAME_LENGTH = 80;

/** Nothing that could end the address, begin another or steer the route: no blanks, quotes, brackets, commas or comments. */
const ADDRESS = /^[^\s"(),:;<>@[\\\]\p{C}]+@[^\s"(),:;<>@[\\\]\p{C}]+$/u;

/** Undefined for what is no plain address. */
export function addressOf(text: string): string | undefined {
  return text.length <= MAX_ADDRESS_LENGTH && ADDRESS.test(text) ? text : undefined;
}

/** `Name <name@example.com>`, or an address alone. */
export function mailboxOf(text: string): Mailbox | undefined {
  const whole = text.trim();
  const [, before = '', inside] = /^([^<>]*)<([^<>]+)>$/.exec(whole) ?? [];
  const name = before.trim().replace(/^"/, '').replace(/"$/, '');
  const address = name.includes('"') ? undefined : addressOf(inside ?? whole);
  if (!address) return undefined;
  const said = oneLine(name);
  return said ? { name: said, address } : { address };
}

export const oneLine = (text: string) => text.replace(/[\p{C}\p{Z}\s]+/gu, ' ').trim();

/**
 * A name as it may be said in a letter. People have given it themselves: what is long or looks like an address of a page
 * or a mailbox, which mail programs turn into links, is none.
 */
export function nameOf(text: string): string | undefined {
  const name = oneLine(text.toWellFormed());
  const isName = name !== '' && name.length <= MAX_NAME_LENGTH && !/[/@:<>]|www\.|\.\p{L}{2,}/iu.test(name);
  return isName ? name : undefined;
}
