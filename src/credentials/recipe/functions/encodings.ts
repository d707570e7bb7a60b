/** How bytes are written as text, and read back. */
import { adaptedBase64, base64, cryptBase64, hex, toAdaptedBase64 } from '../../encoding.ts';
import type { RecipeFunction } from '../function.ts';
import { mapping } from '../function.ts';

const ascii = (text: string) => Buffer.from(text, 'ascii');
const twice = (length: number) => 2 * length;
const half = (length: number) => Math.ceil(length / 2);
const byThirds = (length: number) => 4 * Math.ceil(length / 3);
const same = (length: number) => length;

/** As latin1, in which no byte is lost: a decoder refuses what is not of its alphabet. */
const textOf = (text: Buffer) => text.toString('latin1');

const decodeHex = (text: Buffer) => hex(textOf(text));
const decodeBase64 = (text: Buffer) => base64(textOf(text));
const decodeAb64 = (text: Buffer) => adaptedBase64(textOf(text));
const decodeBase64url = (text: Buffer) =>
  /^[A-Za-z0-9_-]*={0,2}$/.test(textOf(text))
    ? base64(textOf(text).replaceAll('-', '+').replaceAll('_', '/'))
    : undefined;

interface Encoding {
  readonly encode: (bytes: Buffer) => string;
  readonly decode?: (text: Buffer) => Buffer | undefined;
  readonly greatest: (length: number) => number;
  readonly does: string;
}

const ENCODINGS: Readonly<Record<string, Encoding>> = {
  hex: {
    encode: (value) => value.toString('hex'),
    decode: decodeHex,
    greatest: twice,
    does: 'Hexadecimal, small letters.',
  },
  HEX: {
    encode: (value) => value.toString('hex').toUpperCase(),
    decode: decodeHex,
    greatest: twice,
    does: 'Hexadecimal, capital letters.',
  },
  base64: {
    encode: (value) => value.toString('base64'),
    decode: decodeBase64,
    greatest: byThirds,
    does: 'Base64 with padding (RFC 4648 section 4).',
  },
  base64url: {
    encode: (value) => value.toString('base64url'),
    decode: decodeBase64url,
    greatest: byThirds,
    does: 'Base64 with `-` and `_`, without padding (RFC 4648 section 5).',
  },
  ab64: {
    encode: toAdaptedBase64,
    decode: decodeAb64,
    greatest: byThirds,
    does: 'passlib’s adapted base64: `.` for `+`, without padding.',
  },
  crypt64: {
    encode: cryptBase64,
    greatest: byThirds,
    does: 'The base 64 of crypt(3): alphabet `./0-9A-Za-z`, least significant bits first.',
  },
};

const written = Object.entries(ENCODINGS).map(([name, { encode, decode, greatest, does }]) =>
  mapping(name, {
    kind: 'encoding',
    map: (value) => ascii(encode(value)),
    greatest,
    does,
    ...(decode && { decode }),
  }),
);

const reader = (name: string, map: (text: Buffer) => Buffer | undefined, does: string): RecipeFunction =>
  mapping(name, {
    kind: 'encoding',
    map,
    greatest: name === 'unhex' ? half : same,
    does,
    parameter: 'text',
  });

export const encodingFunctions: readonly RecipeFunction[] = [
  ...written,
  reader('unhex', decodeHex, 'Back from hexadecimal, in either case.'),
  reader('unbase64', decodeBase64, 'Back from base64, padded or not.'),
  reader('unbase64url', decodeBase64url, 'Back from base64url, padded or not.'),
  reader('unab64', decodeAb64, 'Back from adapted base64.'),
];
