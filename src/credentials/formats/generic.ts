/**
 * Home-made schemes, systematically: every digest in every usual construction, written in hex of either case, in
 * base64 or as bytes. `{d}` stands for the digest, `{i}` for an inner one. Salts are text; a pepper is a setting.
 */
import { isBinaryHash, withoutEscape } from '../columns.ts';
import { base64, hex, utf8 } from '../encoding.ts';
import type { Format } from '../format.ts';
import { anyOf, format } from '../format.ts';
import { hashOf } from '../hash.ts';
import type { RecipeRow } from '../recipe/recipe-format.ts';
import { recipeFormat } from '../recipe/recipe-format.ts';

/** The language's name → length in bytes. In format names `_` is written `-`. */
const DIGESTS: Readonly<Record<string, number>> = {
  md4: 16,
  md5: 16,
  sha1: 20,
  sha224: 28,
  sha256: 32,
  sha384: 48,
  sha512: 64,
  sha512_256: 32,
  sha3_256: 32,
  sha3_512: 64,
  ripemd160: 20,
  whirlpool: 64,
  blake2b512: 64,
};
const OLD = ['md5', 'sha1', 'sha256', 'sha512'];

const named = (digest: string) => digest.replace('_', '-');

/** Name → recipe of the bytes. */
type Schemes = Readonly<Record<string, string>>;

const OF_ONE_DIGEST: Schemes = {
  'generic-{d}': '{d}(password)',
  'generic-{d}-salt-prefix': '{d}(salt . password)',
  'generic-{d}-salt-suffix': '{d}(password . salt)',
  'generic-{d}-salt-both': '{d}(salt . password . salt)',
  'generic-{d}-username-prefix': '{d}(username . password)',
  'generic-{d}-username-suffix': '{d}(password . username)',
  'generic-{d}-username-salt-prefix': '{d}(username . salt . password)',
  'generic-{d}-username-password-salt': '{d}(username . password . salt)',
  'generic-{d}-pepper-prefix': "{d}(setting('pepper') . password)",
  'generic-{d}-pepper-suffix': "{d}(password . setting('pepper'))",
  'generic-{d}-salt-prefix-pepper-prefix': "{d}(setting('pepper') . salt . password)",
  'generic-{d}-salt-prefix-pepper-suffix': "{d}(salt . password . setting('pepper'))",
  'generic-{d}-salt-suffix-pepper-prefix': "{d}(setting('pepper') . password . salt)",
  'generic-{d}-salt-suffix-pepper-suffix': "{d}(password . salt . setting('pepper'))",
  'generic-{d}-utf16le': '{d}(utf16le(password))',
  'generic-{d}-utf16le-salt-prefix': '{d}(utf16le(salt) . utf16le(password))',
  'generic-{d}-utf16le-salt-suffix': '{d}(utf16le(password) . utf16le(salt))',
  'generic-{d}-utf16le-raw-salt-prefix': '{d}(salt . utf16le(password))',
  'generic-{d}-utf16le-raw-salt-suffix': '{d}(utf16le(password) . salt)',
  'generic-{d}-hex-salt-prefix': '{d}(unhex(salt) . password)',
  'generic-{d}-hex-salt-suffix': '{d}(password . unhex(salt))',
  'generic-{d}-base64-salt-prefix': '{d}(unbase64(salt) . password)',
  'generic-{d}-base64-salt-suffix': '{d}(password . unbase64(salt))',
  'generic-{d}-double': '{d}(hex({d}(password)))',
  'generic-{d}-double-upper': '{d}(HEX({d}(password)))',
  'generic-{d}-double-raw': '{d}({d}(password))',
  'generic-{d}-double-base64': '{d}(base64({d}(password)))',
  'generic-{d}-triple': '{d}(hex({d}(hex({d}(password)))))',
  'generic-hmac-{d}': 'hmac_{d}(salt, password)',
  'generic-hmac-{d}-salt': 'hmac_{d}(salt, password)',
  'generic-hmac-{d}-salt-key': 'hmac_{d}(salt, password)',
  'generic-hmac-{d}-password-key': 'hmac_{d}(password, salt)',
  'generic-hmac-{d}-pepper': "hmac_{d}(setting('pepper'), password)",
  'generic-hmac-{d}-pepper-salt-prefix': "hmac_{d}(setting('pepper'), salt . password)",
  'generic-hmac-{d}-pepper-salt-suffix': "hmac_{d}(setting('pepper'), password . salt)",
};

/** Loops: `iterations` is a column, or a setting where it is the same for all. The first round is counted. */
const LOOPS: Schemes = {
  'generic-{d}-iterated': 'iterate({n}, salt . password, {d}(it))',
  'generic-{d}-iterated-suffix': 'iterate({n}, password . salt, {d}(it))',
  'generic-{d}-iterated-unsalted': 'iterate({n}, password, {d}(it))',
  'generic-{d}-iterated-hex': 'unhex(iterate({n}, salt . password, hex({d}(it))))',
  'generic-{d}-iterated-hex-suffix': 'unhex(iterate({n}, password . salt, hex({d}(it))))',
  'generic-{d}-iterated-resalted': "unhex(iterate({n}, '', hex({d}(it . salt . password))))",
};

/** An inner digest, in hex. */
const OF_TWO_DIGESTS: Schemes = {
  'generic-{d}-{i}': '{d}(hex({i}(password)))',
  'generic-{d}-{i}-upper': '{d}(HEX({i}(password)))',
  'generic-{d}-{i}-raw': '{d}({i}(password))',
  'generic-{d}-{i}-salt-prefix': '{d}(salt . hex({i}(password)))',
  'generic-{d}-{i}-salt-suffix': '{d}(hex({i}(password)) . salt)',
  'generic-{d}-{i}-inner-salt-prefix': '{d}(hex({i}(salt . password)))',
  'generic-{d}-{i}-inner-salt-suffix': '{d}(hex({i}(password . salt)))',
  'generic-{d}-{i}-hashed-salt-prefix': '{d}(hex({i}(salt)) . hex({i}(password)))',
  'generic-{d}-{i}-hashed-salt-suffix': '{d}(hex({i}(password)) . hex({i}(salt)))',
};

/** Salt and digest in one column: glued by a sign, or as bytes one behind the other. */
const GLUED: Schemes = {
  'salt-prefix': '{d}($1 . password)',
  'salt-suffix': '{d}(password . $1)',
};

const COUNTS = ["int(column('iterations'))", "int(setting('iterations'))"];

function lazy(name: string, build: () => Format): Format {
  let built: Format | undefined;
  return {
    name,
    parse(source) {
      built ??= build();
      return built.parse(withoutEscape(source));
    },
  };
}

/** Told apart by their lengths, so that another digest's text is malformed here. */
function written(bytes: number, recipe: string, row: Omit<RecipeRow, 'recipe'>): Format[] {
  const hexText = new RegExp(`^[0-9a-f]{${2 * bytes}}$`, 'i');
  const base64Text = new RegExp(`^[A-Za-z0-9+/]{${Math.ceil((bytes * 4) / 3)}}={0,2}$`);
  const url = new RegExp(`^[A-Za-z0-9_-]{${Math.ceil((bytes * 4) / 3)}}={0,2}$`);
  return [
    recipeFormat({ ...row, pattern: hexText, recipe: `hex(${recipe})` }),
    recipeFormat({ ...row, pattern: base64Text, recipe: `base64(${recipe})` }),
    recipeFormat({ ...row, pattern: url, recipe: `base64url(${recipe})` }),
  ];
}

function scheme(name: string, recipes: readonly string[], bytes: number): Format {
  const needsUsername = name.includes('username');
  return lazy(name, () => {
    const texts = anyOf(
      name,
      recipes.flatMap((recipe) => written(bytes, recipe, { name, needsUsername })),
    );
    const binary = anyOf(
      name,
      recipes.map((recipe) => recipeFormat({ name, recipe, needsUsername })),
    );
    return { name, parse: (source) => (isBinaryHash(source) ? binary : texts).parse(source) };
  });
}

/** Digests that nobody uses in an HMAC, and the language does not. */
const WITHOUT_HMAC = new Set(['md4', 'whirlpool']);

function filled(schemes: Schemes, digest: string, inner = ''): Format[] {
  const usual = Object.entries(schemes).filter(
    ([name]) => !(name.includes('hmac') && WITHOUT_HMAC.has(digest)),
  );
  return usual.map(([name, recipe]) => {
    const full = recipe.replaceAll('{d}', digest).replaceAll('{i}', inner);
    const recipes = full.includes('{n}') ? COUNTS.map((count) => full.replace('{n}', count)) : [full];
    const fullName = name.replaceAll('{d}', named(digest)).replaceAll('{i}', named(inner));
    return scheme(fullName, recipes, DIGESTS[digest]!);
  });
}

/** Salt and digest are told apart by the digest's length. */
function glued(digest: string): Format[] {
  const bytes = DIGESTS[digest]!;
  const sign = '[$:|;,.*#]';
  const texts = [`[0-9a-f]{${2 * bytes}}`, `[A-Za-z0-9+/]{${Math.ceil((bytes * 4) / 3)}}={0,2}`];
  return Object.entries(GLUED).flatMap(([side, recipe]) => {
    const filledIn = recipe.replaceAll('{d}', digest);
    const at = (name: string, rows: readonly RecipeRow[]) =>
      lazy(name, () => anyOf(name, rows.map(recipeFormat)));
    const encodings = ['hex', 'base64'];
    const gluedName = `generic-${named(digest)}-glued-${side}`;
    const packedName = `generic-${named(digest)}-packed-${side}`;
    const signed = texts.flatMap((text, index) => [
      {
        pattern: new RegExp(`^(.*)${sign}(${text})$`, index === 0 ? 'is' : 's'),
        recipe: `${encodings[index]}(${filledIn}) = $2`,
      },
      {
        pattern: new RegExp(`^(${text})${sign}(.*)$`, index === 0 ? 'is' : 's'),
        recipe: `${encodings[index]}(${filledIn.replace('$1', '$2')}) = $1`,
      },
    ]);
    const packed = ['unhex', 'unbase64'].map((decode, index) => ({
      pattern: index === 0 ? /^(?:[0-9a-f]{2})+$/i : /^[A-Za-z0-9+/]+={0,2}$/,
      decode: `${decode}(hash)`,
    }));
    const inFront = packed.map(({ pattern, decode }) => ({
      pattern,
      recipe: `${filledIn.replace('$1', `reverse(slice(reverse(${decode}), ${bytes}))`)} = slice(${decode}, -${bytes})`,
    }));
    const behind = packed.map(({ pattern, decode }) => ({
      pattern,
      recipe: `${filledIn.replace('$1', `slice(${decode}, ${bytes})`)} = slice(${decode}, 0, ${bytes})`,
    }));
    return [
      at(
        gluedName,
        signed.map((row) => ({ ...row, name: gluedName })),
      ),
      at(
        `${packedName}-salt-digest`,
        inFront.map((row) => ({ ...row, name: packedName })),
      ),
      at(
        `${packedName}-digest-salt`,
        behind.map((row) => ({ ...row, name: packedName })),
      ),
    ];
  });
}

function cut(digest: string): Format {
  const name = `generic-${named(digest)}-truncated`;
  const recipe = (decode: string) =>
    `slice(${digest}(password), 0, length(${decode}(hash))) = ${decode}(hash)`;
  return lazy(name, () =>
    anyOf(name, [
      recipeFormat({ name, pattern: /^[0-9a-f]+$/i, recipe: recipe('unhex') }),
      recipeFormat({ name, pattern: /^[A-Za-z0-9+/]+=*$/, recipe: recipe('unbase64') }),
    ]),
  );
}

/** The names of the first corpus. */
function spelled(digest: string): Format[] {
  const bytes = DIGESTS[digest]!;
  const recipe = `${digest}(password)`;
  // The one of MD4 is among the Windows formats.
  const first = digest === 'md4' ? [] : [`generic-hex_${named(digest)}`];
  return [...first, `generic-${named(digest)}-hex`, `generic-${named(digest)}-base64`].map((name) =>
    scheme(name, [recipe], bytes),
  );
}

/** md5(md5hex(p) + salt), as vBulletin has it. */
const nestedMd5 = scheme('vbulletin', ['md5(hex(md5(password)) . salt)'], 16);
const saltedMd5 = scheme('generic-md5-salt-prefix', ['md5(salt . password)'], 16);

export const genericFormats: readonly Format[] = [
  ...Object.keys(DIGESTS).flatMap((digest) => [
    ...filled(OF_ONE_DIGEST, digest),
    ...filled(LOOPS, digest),
    ...spelled(digest),
    ...glued(digest),
    cut(digest),
  ]),
  ...OLD.flatMap((digest) => OLD.flatMap((inner) => filled(OF_TWO_DIGESTS, digest, inner))),
  nestedMd5,
  /** A store that changed its mind: capitals mark md5(md5hex(p) + salt), small letters md5(salt + p). */
  {
    name: 'generic-md5-by-case',
    parse: (source) => (/[A-F]/.test(source.hash ?? '') ? nestedMd5 : saltedMd5).parse(source),
  },
  format({
    name: 'generic-plaintext',
    pattern: /^.+$/s,
    read: ([text]) => hashOf('plaintext', {}, { digest: utf8(text) }),
  }),
  format({
    name: 'generic-plaintext-base64',
    pattern: /^[A-Za-z0-9+/_-]+={0,2}$/,
    read: ([text]) =>
      hashOf('plaintext', {}, { digest: base64(text?.replaceAll('-', '+').replaceAll('_', '/')) }),
  }),
  format({
    name: 'generic-plaintext-hex',
    pattern: /^(?:[0-9a-f]{2})+$/i,
    read: ([text]) => hashOf('plaintext', {}, { digest: hex(text) }),
  }),
  format({
    name: 'generic-plaintext-reversed',
    pattern: /^.+$/s,
    read: ([text = '']) => hashOf('plaintext', {}, { digest: utf8([...text].reverse().join('')) }),
  }),
  format({
    name: 'generic-rot13',
    pattern: /^.+$/s,
    read: ([text = '']) => hashOf('plaintext', {}, { digest: utf8(text.replaceAll(/[a-z]/gi, rot13)) }),
  }),
];

function rot13(letter: string): string {
  const code = letter.charCodeAt(0);
  const start = code >= 97 ? 97 : 65;
  return String.fromCharCode(((code - start + 13) % 26) + start);
}
