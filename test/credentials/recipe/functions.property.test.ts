/** Every function against a computation that has nothing to do with it. */
import { createHash, createHmac, getHashes } from 'node:crypto';
import fc from 'fast-check';
import * as wasm from 'hash-wasm';
import { describe, expect, test } from 'vitest';
import { compute, evaluate } from '../../../src/credentials/recipe/evaluate.ts';
import { FUNCTIONS } from '../../../src/credentials/recipe/functions/index.ts';
import { StepError } from '../../../src/credentials/recipe/recipe-error.ts';
import type { Node } from '../../../src/credentials/recipe/tree.ts';

const bytes = (constraints = { maxLength: 300 }) =>
  fc.uint8Array(constraints).map((array) => Buffer.from(array));
const text = fc.string({ unit: 'grapheme', maxLength: 60 });

const call = (name: string, ...values: (Buffer | number)[]) => compute(name, values) as Buffer;
const utf8 = (value: string) => Buffer.from(value, 'utf8');
function hold<T>(property: fc.IProperty<T>, numRuns = 100): void {
  fc.assert(property, { numRuns });
}

/** What "abc" comes out as by RFC 1320, 1321, 3174, 6234, 7693, FIPS 180-4, FIPS 202, ISO/IEC 10118-3. */
const ABC: Readonly<Record<string, string>> = {
  md4: 'a448017aaf21d8525fc10ae87aa6729d',
  md5: '900150983cd24fb0d6963f7d28e17f72',
  sha1: 'a9993e364706816aba3e25717850c26c9cd0d89d',
  sha224: '23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7',
  sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  sha384: 'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7',
  sha512:
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
  sha512_256: '53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23',
  sha3_256: '3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532',
  sha3_512:
    'b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0',
  ripemd160: '8eb208f7e05d987a9b044a8e98c6b087f15a0bfc',
  whirlpool:
    '4e2448a4c6f486bb16b6562c73b4020bf3043e3a731bce721ae1b303d97e6d4c7181eebdb6c57e277d0e34957114cbd6c797fc9d95d8b582d225292076d4eef5',
  blake2b512:
    'ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923',
};

/** By WebAssembly, where we ask OpenSSL. */
const INDEPENDENT: Readonly<Record<string, (data: Uint8Array) => Promise<string>>> = {
  md5: wasm.md5,
  sha1: wasm.sha1,
  sha224: wasm.sha224,
  sha256: wasm.sha256,
  sha384: wasm.sha384,
  sha512: wasm.sha512,
  sha3_256: (data) => wasm.sha3(data, 256),
  sha3_512: (data) => wasm.sha3(data, 512),
  ripemd160: wasm.ripemd160,
  blake2b512: (data) => wasm.blake2b(data, 512),
};

const named = (kind: string) =>
  [...FUNCTIONS.values()].filter((row) => row.kind === kind).map(({ name }) => name);

describe('digests', () => {
  test.each(named('digest'))('%s gives the published answer', (name) => {
    expect(call(name, utf8('abc')).toString('hex')).toBe(ABC[name]);
  });

  test.each(Object.entries(INDEPENDENT))('%s is what another library computes', async (name, independent) => {
    await fc.assert(
      fc.asyncProperty(bytes(), async (value) => {
        expect(call(name, value).toString('hex')).toBe(await independent(value));
      }),
      { numRuns: 50 },
    );
  });

  test('keep nothing from one call to the next', () => {
    for (const name of named('digest')) {
      call(name, Buffer.alloc(1000));
      expect(call(name, utf8('abc')).toString('hex'), name).toBe(ABC[name]);
    }
  });
});

/** The block that HMAC fills its key to (RFC 2104; SHA-3: the rate, FIPS 202). */
const BLOCKS: Readonly<Record<string, number>> = {
  sha384: 128,
  sha512: 128,
  sha512_256: 128,
  blake2b512: 128,
  sha3_256: 136,
  sha3_512: 72,
};

describe('HMAC', () => {
  test.each(named('hmac'))('%s is RFC 2104 over the digest', (name) => {
    const digest = name.replace('hmac_', '');
    const block = BLOCKS[digest] ?? 64;
    const by = (key: Buffer, message: Buffer) => {
      const short = key.length > block ? call(digest, key) : key;
      const filled = Buffer.concat([short], block);
      const outer = Buffer.from(filled.map((byte) => byte ^ 0x5c));
      const inner = Buffer.from(filled.map((byte) => byte ^ 0x36));
      return call(digest, Buffer.concat([outer, call(digest, Buffer.concat([inner, message]))]));
    };
    hold(
      fc.property(bytes(), bytes(), (key, message) => {
        expect(call(name, key, message)).toEqual(by(key, message));
      }),
      50,
    );
  });
});

const literal = (value: string | Buffer | number): Node =>
  typeof value === 'number'
    ? { kind: 'number', value }
    : { kind: 'text', bytes: Buffer.from(value as string) };
/** A slow hash, as a program computes it. */
const slow = (name: string, password: Buffer, ...rest: (string | Buffer | number)[]) =>
  evaluate({ kind: 'call', name, args: [{ kind: 'password' }, ...rest.map(literal)] }, password);

const { argon2d, argon2i, argon2id } = wasm;
const ARGON2 = { argon2d, argon2i, argon2id };

describe('slow hashes', () => {
  const password = bytes({ maxLength: 70 });
  const salt = fc.uint8Array({ minLength: 8, maxLength: 32 }).map((array) => Buffer.from(array));

  test.each(named('derivation').filter((name) => name.startsWith('pbkdf2')))(
    '%s is RFC 8018',
    async (name) => {
      const digest = name.replace('pbkdf2_', '');
      const run = fc.asyncProperty(
        password,
        salt,
        fc.integer({ min: 1, max: 5 }),
        async (value, with_, rounds) => {
          let block = createHmac(digest, value)
            .update(Buffer.concat([with_, Buffer.from([0, 0, 0, 1])]))
            .digest();
          const key = Buffer.from(block);
          for (let round = 1; round < rounds; round += 1) {
            block = createHmac(digest, value).update(block).digest();
            for (const [at, byte] of block.entries()) key[at]! ^= byte;
          }
          expect(await slow(name, value, with_, rounds, 16)).toEqual(key.subarray(0, 16));
        },
      );
      await fc.assert(run, { numRuns: 20 });
    },
  );

  test('scrypt is what another library computes', async () => {
    const run = fc.asyncProperty(password, salt, async (value, with_) => {
      const options = {
        password: value,
        salt: with_,
        costFactor: 16,
        blockSize: 2,
        parallelism: 3,
        hashLength: 40,
      };
      const expected = value.length === 0 ? undefined : await wasm.scrypt(options);
      if (expected) expect((await slow('scrypt', value, with_, 16, 2, 3, 40)).toString('hex')).toBe(expected);
    });
    await fc.assert(run, { numRuns: 10 });
  });

  test.each(['argon2id', 'argon2i', 'argon2d'] as const)(
    '%s is what another library computes',
    async (name) => {
      const salt = Buffer.from('0123456789abcdef');
      const expected = await ARGON2[name]({
        password: 'a password',
        salt,
        memorySize: 64,
        iterations: 2,
        parallelism: 2,
        hashLength: 24,
      });
      expect((await slow(name, utf8('a password'), salt, 64, 2, 2, 24)).toString('hex')).toBe(expected);
    },
  );

  test('bcrypt is what another library computes', async () => {
    const salt = Buffer.from('0123456789abcdef');
    const expected = await wasm.bcrypt({
      password: 'a password',
      salt,
      costFactor: 5,
      outputType: 'encoded',
    });
    const setting = expected.replace('$2a$', '$2b$').slice(0, 29);
    const made = (await slow('bcrypt', utf8('a password'), setting)).toString();
    expect(made).toBe(setting + expected.slice(29));
    expect((await slow('bcrypt', utf8('a password'), made)).toString()).toBe(made);
  });

  /** Made by `openssl passwd`. */
  test.each([
    ['sha256crypt', 'Hello world!', '$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5'],
    [
      'sha512crypt',
      'Hello world!',
      '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1',
    ],
    ['md5crypt', 'password', '$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/'],
    ['md5crypt', 'password', '$apr1$saltsalt$yAAkm4libquA.ZWLHbSBq/'],
  ])('%s is what `openssl passwd` makes', async (name, value, stored) => {
    const [setting] = /^.*\$(?=[^$]*$)/.exec(stored)!;
    expect((await slow(name, utf8(value), setting)).toString()).toBe(stored);
    expect((await slow(name, utf8(value), stored)).toString()).toBe(stored);
  });
});

describe('encodings', () => {
  const BACK = { hex: 'unhex', HEX: 'unhex', base64: 'unbase64', base64url: 'unbase64url', ab64: 'unab64' };

  test.each(Object.entries(BACK))('%s comes back by %s', (there, back) => {
    hold(
      fc.property(bytes(), (value) => {
        expect(call(back, call(there, value))).toEqual(value);
      }),
    );
  });

  test('are written as the standards say', () => {
    hold(
      fc.property(bytes(), (value) => {
        const base64 = btoa(String.fromCharCode(...value));
        const hex = [...value].map((byte) => byte.toString(16).padStart(2, '0')).join('');
        expect(call('hex', value).toString()).toBe(hex);
        expect(call('HEX', value).toString()).toBe(hex.toUpperCase());
        expect(call('base64', value).toString()).toBe(base64);
        const bare = base64.replace(/=/g, '');
        expect(call('base64url', value).toString()).toBe(bare.replace(/\+/g, '-').replace(/\//g, '_'));
        expect(call('ab64', value).toString()).toBe(bare.replace(/\+/g, '.'));
      }),
    );
  });

  test('crypt64 writes six bits a character, the lowest first', () => {
    const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
    hold(
      fc.property(bytes(), (value) => {
        const bits = [...value].flatMap((byte) => [0, 1, 2, 3, 4, 5, 6, 7].map((bit) => (byte >> bit) & 1));
        const expected: string[] = [];
        for (let at = 0; at < bits.length; at += 6) {
          expected.push(
            ALPHABET[bits.slice(at, at + 6).reduce((sum, bit, place) => sum + (bit << place), 0)]!,
          );
        }
        expect(call('crypt64', value).toString()).toBe(expected.join(''));
        for (const [place, character] of expected.entries()) {
          expect(compute('crypt_digit', [utf8(character)]), `${place}`).toBe(ALPHABET.indexOf(character));
        }
      }),
      20,
    );
  });

  test.each(['unhex', 'unbase64', 'unbase64url', 'unab64'])('%s takes nothing else', (name) => {
    for (const wrong of ['z', 'a', 'ab c', 'ab\n', 'a=b=', 'ä', '====']) {
      expect(() => call(name, utf8(wrong)), wrong).toThrow(StepError);
    }
  });
});

describe('texts', () => {
  const UNITS = (value: string) => Array.from({ length: value.length }, (_, at) => value.charCodeAt(at));

  test('are changed as JavaScript and PHP do', () => {
    const php = (value: string) =>
      value
        .replaceAll('&', '&amp;')
        .replaceAll('<', '&lt;')
        .replaceAll('>', '&gt;')
        .replaceAll('"', '&quot;');
    const blank = (character: string) => ' \t\n\r\v\0'.includes(character);
    const trimmed = (value: string) => {
      const characters = [...value];
      while (characters.length > 0 && blank(characters[0]!)) characters.shift();
      while (characters.length > 0 && blank(characters.at(-1)!)) characters.pop();
      return characters.join('');
    };
    const odd = fc.oneof(
      text,
      fc
        .array(fc.constantFrom(' ', '\t', '\n', '\0', '&', '<', '"', 'Ä', 'ß', 'İ', 'a'))
        .map((all) => all.join('')),
    );
    hold(
      fc.property(odd, (value) => {
        const is = (name: string, expected: string) =>
          expect(call(name, utf8(value)).toString(), name).toBe(expected);
        is('lower', value.toLowerCase());
        is('upper', value.toUpperCase());
        is(
          'ascii_lower',
          [...value].map((one) => (one >= 'A' && one <= 'Z' ? one.toLowerCase() : one)).join(''),
        );
        is(
          'ascii_upper',
          [...value].map((one) => (one >= 'a' && one <= 'z' ? one.toUpperCase() : one)).join(''),
        );
        is('nfc', value.normalize('NFC'));
        is('nfkc', value.normalize('NFKC'));
        is('escape_html', php(value));
        is('trim', trimmed(value));
        is('strip_blanks', [...value].filter((one) => one !== ' ' && one !== '\t').join(''));
      }),
      300,
    );
  });

  test('are written in UTF-16 and Latin-1', () => {
    hold(
      fc.property(text, (value) => {
        expect([...call('utf16le', utf8(value))]).toEqual(
          UNITS(value).flatMap((unit) => [unit & 255, unit >> 8]),
        );
        expect([...call('utf16be', utf8(value))]).toEqual(
          UNITS(value).flatMap((unit) => [unit >> 8, unit & 255]),
        );
        const points = [...value].map((character) => character.codePointAt(0)!);
        expect([...call('latin1', utf8(value))]).toEqual(points.map((point) => (point < 256 ? point : 63)));
      }),
    );
  });

  test('that are not UTF-8 are refused, whatever is done to them', () => {
    for (const name of named('text'))
      expect(() => call(name, Buffer.from([0x61, 0xff])), name).toThrow(StepError);
  });
});

describe('bytes', () => {
  test('are cut so that the pieces make the whole', () => {
    hold(
      fc.property(bytes(), fc.nat(400), (value, at) => {
        expect(Buffer.concat([call('slice', value, 0, at), call('slice', value, at)])).toEqual(value);
        expect(call('slice', value, -at - 1)).toEqual(Buffer.from([...value].slice(-at - 1)));
        expect(call('slice', value, at, 7)).toEqual(Buffer.from([...value].slice(at, at + 7)));
      }),
    );
  });

  test('fall into parts as a text is split', () => {
    const separator = fc.constantFrom(':', '$', '--', 'ab');
    const value = fc.array(fc.constantFrom('a', 'b', ':', '-', '$', 'ä')).map((all) => all.join(''));
    hold(
      fc.property(value, separator, (whole, by) => {
        const pieces = whole.split(by);
        for (const [at, piece] of pieces.entries()) {
          expect(call('part', utf8(whole), utf8(by), at).toString()).toBe(piece);
          expect(call('part', utf8(whole), utf8(by), at - pieces.length).toString()).toBe(piece);
        }
        expect(() => call('part', utf8(whole), utf8(by), pieces.length)).toThrow(StepError);
        expect(() => call('part', utf8(whole), utf8(by), -pieces.length - 1)).toThrow(StepError);
      }),
    );
  });

  test('are turned, repeated, filled and combined', () => {
    hold(
      fc.property(bytes({ maxLength: 40 }), fc.nat(200), (value, length) => {
        expect([...call('reverse', value)]).toEqual([...value].reverse());
        expect(call('reverse', call('reverse', value))).toEqual(value);
        const repeated = Array.from({ length }, (_, at) => value[at % value.length]);
        if (value.length > 0) expect([...call('repeat_to', value, length)]).toEqual(repeated);
        const filled = Array.from({ length: Math.max(length, value.length) }, (_, at) => value[at] ?? 0);
        expect([...call('pad', value, length)]).toEqual(filled);
        expect(compute('length', [value])).toBe(value.length);
      }),
    );
  });

  test('xor takes itself back, and only what is as long', () => {
    hold(
      fc.property(bytes({ maxLength: 40 }), bytes({ maxLength: 40 }), (a, b) => {
        if (a.length !== b.length) expect(() => call('xor', a, b)).toThrow(StepError);
        const key = Buffer.concat([b], a.length);
        expect(call('xor', call('xor', a, key), key)).toEqual(a);
        expect([...call('xor', a, key)]).toEqual([...a].map((byte, at) => byte ^ key[at]!));
      }),
    );
  });

  test('and numbers become each other', () => {
    hold(
      fc.property(fc.nat(0xffffffff), (value) => {
        const [a, b, c, d] = [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
        expect([...call('u32be', value)]).toEqual([a, b, c, d]);
        expect([...call('u32le', value)]).toEqual([d, c, b, a]);
        expect(compute('uint_be', [call('u32be', value)])).toBe(value);
        expect(compute('uint_le', [call('u32le', value)])).toBe(value);
        expect(compute('int', [utf8(String(value))])).toBe(value);
      }),
    );
    for (let exponent = 0; exponent < 32; exponent += 1)
      expect(compute('pow2', [exponent])).toBe(2 ** exponent);
    for (const wrong of ['', '-1', '1.5', ' 1', '1e3', '0x10', '12345678901']) {
      expect(() => compute('int', [utf8(wrong)]), wrong).toThrow(StepError);
    }
    for (const wrong of [Buffer.alloc(0), Buffer.alloc(7)]) {
      expect(() => compute('uint_be', [wrong])).toThrow(StepError);
      expect(() => compute('uint_le', [wrong])).toThrow(StepError);
    }
  });

  test('with numbers beyond what a function takes are refused', () => {
    for (const [name, ...values] of [
      ['slice', utf8('x'), 65_537],
      ['repeat_to', utf8('x'), 65_537],
      ['pad', utf8('x'), 65_537],
      ['u32be', 2 ** 32],
      ['pow2', 32],
    ] as const) {
      expect(() => compute(name, values), name).toThrow(StepError);
    }
    expect(call('repeat_to', utf8('x'), 65_536)).toHaveLength(65_536);
    expect(() => call('hex', Buffer.alloc(32_769))).toThrow(StepError);
  });
});

describe('no result', () => {
  test('is larger than was foretold', () => {
    for (const { name, parameters, compute: row, greatest } of FUNCTIONS.values()) {
      if (!row) continue;
      const values = parameters.map(({ type }) =>
        type === 'bytes'
          ? fc.oneof(bytes({ maxLength: 60 }), text.map(utf8), fc.constant(utf8('ﷺ"<İΐ')))
          : fc.nat(50),
      );
      hold(
        fc.property(fc.tuple(...values), (args) => {
          let result: Buffer | number;
          try {
            result = compute(name, args as never);
          } catch (error) {
            expect(error, name).toBeInstanceOf(StepError);
            return;
          }
          const sizes = (args as (Buffer | number)[]).map((arg) =>
            typeof arg === 'number' ? arg : arg.length,
          );
          const size = typeof result === 'number' ? result : result.length;
          expect(size, name).toBeLessThanOrEqual(greatest(sizes));
        }),
        30,
      );
    }
  });
});

test('OpenSSL still has every digest that is asked of it', () => {
  expect(getHashes()).toEqual(
    expect.arrayContaining(['md5', 'ripemd160', 'blake2b512', 'sha3-512', 'sha512-256']),
  );
  expect(createHash('sha512-256').update('abc').digest('hex')).toBe(ABC.sha512_256);
});
