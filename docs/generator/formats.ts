/** The hash formats, family by family, from the shelf in `src/credentials/formats`, each tried on the real hashes of `test/credentials/fixtures`. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { countPasswords } from '../../src/admin/survey/passwords-of.ts';
import { emptyTally, FATES } from '../../src/admin/survey/tally.ts';
import type { Format } from '../../src/credentials/format.ts';
import { FORMATS } from '../../src/credentials/formats/index.ts';
import { passwordSettings } from '../../src/credentials/password-settings.ts';
import type { Passwords } from '../../src/credentials/passwords.ts';
import { openPasswords } from '../../src/credentials/passwords.ts';
import { isRefusal, REASONS } from '../../src/credentials/reasons.ts';
import { HASH_READERS } from '../../src/targets/index.ts';
import type { StoredPassword } from '../../src/user.ts';
import { code, page, table } from './markdown.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const SHELF = join(ROOT, 'src/credentials/formats');
const FIXTURES = join(ROOT, 'test/credentials/fixtures');

/** What a target reads that is configured without `accepts`; of a generic one only its operator knows. */
const READERS = [
  { title: 'ZITADEL', reader: HASH_READERS.zitadel },
  { title: 'Kratos', reader: HASH_READERS.kratos },
  { title: 'Keycloak', reader: HASH_READERS.keycloak },
  { title: 'Auth0', reader: HASH_READERS.auth0 },
  { title: 'cidaas', reader: HASH_READERS.cidaas },
].map(({ title, reader }) => ({ name: title, accepts: reader.accepts }));

export async function formatsPage(): Promise<string> {
  const passwords = openPasswords(passwordSettings.parse({}));
  const samples = readSamples();
  try {
    const families = (await readFamilies()).map((family) => section(family, samples, passwords));
    const reasons = Object.entries(REASONS).map(([name, sentence]) => [code(name), sentence]);
    const text = [
      introduction(),
      ...families,
      '## Reasons',
      'Why a hash is not verified or translated. The codes are stable.',
      table(['Code', 'Sentence'], reasons),
    ].join('\n\n');
    return page('Hash formats', { from: '`src/credentials/formats`', text });
  } finally {
    await passwords.close();
  }
}

const introduction =
  () => `${FORMATS.length.toLocaleString('en')} names, by family. How names, columns and settings work, and what \`carried\`, \`captured\` and the other words
mean, stands in [hashes.md](../hashes.md).

- **Bold** names have an unmistakable mark and are found by \`auto\`; all others have to be named by the mapping.
- \`{md5,sha1}\` in a name stands for either, \`{digest}\` for any of ${DIGESTS.split(' ').join(', ')}. \`_\`, \`.\`, \`-\` and
  capital letters may be written otherwise, as long as only one format can be meant.
- The columns are those of the framework's own schema; other names do, as long as they speak of a hash and a salt.
- What becomes of the password at a target was tried on the hashes of the tests, with everything that the kind of target can
  read turned on. \`carried or captured\` depends on the row, mostly on its costs.
- “And …”: names of the family that none of these hashes can show.`;

interface Family {
  readonly name: string;
  readonly about: string;
  readonly formats: readonly Format[];
}

/** In the order of their names. What is on the shelf and in no family is an alias: a family of its own. */
async function readFamilies(): Promise<Family[]> {
  const files = readdirSync(SHELF).filter((file) => file.endsWith('.ts') && file !== 'index.ts');
  const families = await Promise.all(
    files.sort().map(async (file) => {
      const exported = Object.values((await import(join(SHELF, file))) as Record<string, unknown>);
      const formats = exported.filter(Array.isArray).flat() as Format[];
      return { name: titleOf(file.replace('.ts', '')), about: aboutOf(join(SHELF, file)), formats };
    }),
  );
  const known = new Set(families.flatMap(({ formats }) => formats.map(({ name }) => name)));
  const others = FORMATS.filter(({ name }) => !known.has(name));
  const about = 'Other names for formats of the families above.';
  return [...families, ...(others.length > 0 ? [{ name: 'Aliases', about, formats: others }] : [])];
}

const SPELT: Readonly<Record<string, string>> = {
  aspnet: 'ASP.NET',
  cms: 'CMS',
  ldap: 'LDAP',
  passlib: 'passlib',
  bcrypt: 'bcrypt',
  php: 'PHP',
};

function titleOf(file: string): string {
  const words = file.split('-').map((word) => SPELT[word] ?? word);
  return words.join(' ').replace(/^[a-z](?!asslib|crypt)/, (letter) => letter.toUpperCase());
}

/** The first sentence of the file's own comment. */
function aboutOf(file: string): string {
  const comment = /^\/\*\*([\s\S]*?)\*\//.exec(readFileSync(file, 'utf8'))?.[1] ?? '';
  const text = comment.replace(/\s*\n\s*\*?\s*/g, ' ').trim();
  return /^.*?\.(?= [A-Z`]|$)/.exec(text)?.[0] ?? text;
}

type Sample = StoredPassword & { readonly password: string | null };

function readSamples(): Map<string, Sample[]> {
  const samples = new Map<string, Sample[]>();
  for (const file of readdirSync(FIXTURES).filter((name) => name.endsWith('.json'))) {
    const { vectors } = JSON.parse(readFileSync(join(FIXTURES, file), 'utf8')) as { vectors: Sample[] };
    for (const vector of vectors) samples.set(vector.format, [...(samples.get(vector.format) ?? []), vector]);
  }
  return samples;
}

/** Families that are every combination of a few parts: their names say it shorter than a table. */
const MAX_TRIED = 150;

function section(
  { name, about, formats }: Family,
  samples: ReadonlyMap<string, readonly Sample[]>,
  passwords: Passwords,
): string {
  const heading = [`## ${name}`, ...(about ? [about] : [])];
  if (formats.length > MAX_TRIED)
    return [
      ...heading,
      'Made of parts, as their names say; `footbridge hash translate` says what becomes of one.',
      `${listOf(formats)}.`,
    ].join('\n\n');
  const rows = new Map<string, Tried & { readonly names: Format[] }>();
  const rest: Format[] = [];
  const family = formats.flatMap(({ name: known }) => (samples.has(known) ? [samples.get(known)!] : []));
  for (const format of formats) {
    const tried = samples.get(format.name) ?? borrowed(format, family, passwords);
    if (!tried) {
      rest.push(format);
      continue;
    }
    const { key, ...cells } = triedOn(tried, passwords);
    const row = rows.get(key) ?? { ...cells, key, names: [] };
    row.names.push(format);
    for (const algorithm of cells.algorithms) row.algorithms.add(algorithm);
    rows.set(key, row);
  }
  const head = ['Format', 'Columns', 'Settings', 'Algorithm', ...READERS.map((reader) => reader.name)];
  const listed = [...rows.values()].map(({ columns, settings, algorithms, fates, names }) => [
    listOf(names),
    columns,
    settings,
    [...algorithms].join(', '),
    ...fates,
  ]);
  return [
    ...heading,
    ...(listed.length > 0 ? [table(head, listed)] : []),
    ...(rest.length > 0 ? [`${listed.length > 0 ? 'And ' : ''}${listOf(rest)}.`] : []),
  ].join('\n\n');
}

/** Hashes of the family's other formats that this one reads as well: an alias, or one that tries others in turn. */
function borrowed(
  { name }: Format,
  family: readonly (readonly Sample[])[],
  passwords: Passwords,
): readonly Sample[] | undefined {
  const read = family
    .map(([first]) => ({ ...first!, format: name }))
    .filter((sample) => sample.password !== null && !isRefusal(passwords.identify(sample)));
  return read.length > 0 ? read : undefined;
}

interface Tried {
  /** The same for formats that go into one row, whatever their algorithms. */
  readonly key: string;
  readonly columns: string;
  readonly settings: string;
  readonly algorithms: Set<string>;
  /** What becomes of the passwords at each target. */
  readonly fates: readonly string[];
}

function triedOn(samples: readonly Sample[], passwords: Passwords): Tried {
  const [first] = samples as readonly [Sample];
  const opened = samples.filter(({ password }) => password !== null);
  const tried = opened.length > 0 ? opened : samples;
  const algorithms = tried.map((sample) => {
    const known = passwords.identify(sample);
    return isRefusal(known) ? code(known.reason) : known.algorithm;
  });
  const tally = emptyTally(READERS.map(({ name }) => name));
  for (const stored of tried)
    countPasswords(
      tally,
      { passwords, readers: READERS },
      { sub: '', credentials: { passwords: [stored] }, isRecent: false },
    );
  const fates = READERS.map(({ name }) =>
    FATES.filter((fate) => (tally.targets[name]?.[fate].users ?? 0) > 0).join(' or '),
  );
  const columns = Object.keys(first.columns).map(code).join(', ');
  const names = [
    ...Object.keys(first.settings ?? {}).map(code),
    ...(first.username ? ['the user name'] : []),
  ];
  const settings = names.join(', ');
  return {
    key: JSON.stringify([columns, settings, fates]),
    columns,
    settings,
    algorithms: new Set(algorithms),
    fates,
  };
}

const DIGESTS =
  'md4 md5 sha1 sha224 sha256 sha384 sha512 sha512-256 sha3-256 sha3-512 ripemd160 whirlpool blake2b512';
const DIGEST = new RegExp(`(?<![a-z0-9])(${DIGESTS.split(' ').sort().reverse().join('|')})(?![a-z0-9])`);
/** Fewer read better one by one. */
const MIN_TOGETHER = 3;

/** Names that differ in their digest only are written as one; of two spellings of a name, the first. */
function listOf(formats: readonly Format[]): string {
  const spelt = new Set<string>();
  const groups = new Map<string, { digests: string[]; names: string[] }>();
  for (const { name, recognises } of formats) {
    const spelling = name.toLowerCase().replace(/[_.]/g, '-');
    if (spelt.has(spelling)) continue;
    spelt.add(spelling);
    const mark = recognises ? '**' : '';
    const key = mark + name.replace(DIGEST, '\0') + mark;
    const group = groups.get(key) ?? { digests: [], names: [] };
    group.digests.push(DIGEST.exec(name)?.[1] ?? '');
    group.names.push(mark + code(name) + mark);
    groups.set(key, group);
  }
  const written = [...groups].map(([key, { digests, names }]) => {
    if (names.length < MIN_TOGETHER) return names.join(', ');
    const isAny = digests.length === DIGESTS.split(' ').length;
    const mark = key.startsWith('**') ? '**' : '';
    const choice = isAny ? '{digest}' : `{${digests.join(',')}}`;
    return mark + code(key.replaceAll('**', '').replace('\0', choice)) + mark;
  });
  return written.join(', ');
}
