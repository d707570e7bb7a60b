/** The hash formats, from the shelf in `src/credentials/formats`, each tried on a real hash of `test/credentials/fixtures`. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Format } from '../../src/credentials/format.ts';
import { FORMATS } from '../../src/credentials/formats/index.ts';
import { passwordSettings } from '../../src/credentials/password-settings.ts';
import type { Passwords } from '../../src/credentials/passwords.ts';
import { openPasswords } from '../../src/credentials/passwords.ts';
import { isRefusal, REASONS } from '../../src/credentials/reasons.ts';
import { TARGET_KINDS } from '../../src/targets/index.ts';
import type { StoredPassword } from '../../src/user.ts';
import { code, page, table } from './markdown.ts';

const FIXTURES = join(import.meta.dirname, '..', '..', 'test', 'credentials', 'fixtures');

export async function formatsPage(): Promise<string> {
  const passwords = openPasswords(passwordSettings.parse({}));
  const samples = readSamples();
  try {
    const tried = FORMATS.filter(({ name }) => samples.has(name));
    const others = FORMATS.filter(({ name }) => !samples.has(name));
    const text = [
      INTRODUCTION,
      table(
        ['Format', '`auto`', 'Columns', 'Settings', 'Algorithm', 'Written for ZITADEL as'],
        tried.map((format) => row(format, samples.get(format.name)!, passwords)),
      ),
      '## Further formats',
      'Without a hash in the fixtures: families that try their members in turn, and formats that differ from one above in their name only.',
      others.map(({ name, recognises }) => `${code(name)}${recognises ? ' (`auto`)' : ''}`).join(', '),
      '## Reasons',
      'Why a hash is not verified or translated. The codes are stable.',
      table(
        ['Code', 'Sentence'],
        Object.entries(REASONS).map(([name, sentence]) => [code(name), sentence]),
      ),
    ].join('\n\n');
    return page('Hash formats', { from: '`src/credentials/formats`', text });
  } finally {
    await passwords.close();
  }
}

const INTRODUCTION = `A mapping names the format of each password. \`auto\` recognises only formats with an unmistakable mark, and the columns
are those of the framework's own schema; other names do, as long as they speak of a hash and a salt. The last column is
what \`footbridge hash translate\` writes for the example hash, or the reason why it writes nothing: another row of the
same format may be out of the target's bounds.`;

type Sample = StoredPassword;

function readSamples(): Map<string, Sample> {
  const samples = new Map<string, Sample>();
  for (const file of readdirSync(FIXTURES)
    .filter((name) => name.endsWith('.json'))
    .sort()) {
    const { vectors } = JSON.parse(readFileSync(join(FIXTURES, file), 'utf8')) as { vectors: Sample[] };
    for (const vector of vectors) if (!samples.has(vector.format)) samples.set(vector.format, vector);
  }
  return samples;
}

function row({ name, recognises }: Format, sample: Sample, passwords: Passwords): string[] {
  const known = passwords.identify(sample);
  const written = passwords.translate(sample, TARGET_KINDS.zitadel.accepts);
  const settings = Object.keys(sample.settings ?? {}).map(code);
  return [
    code(name),
    recognises ? 'yes' : '',
    Object.keys(sample.columns).map(code).join(', '),
    [...settings, ...(sample.username ? ['the user name'] : [])].join(', '),
    isRefusal(known) ? `${code(known.reason)}` : known.algorithm,
    isRefusal(written)
      ? code(written.reason)
      : `**${written.format}**${written.caveat ? ` (${code(written.caveat)})` : ''}`,
  ];
}
