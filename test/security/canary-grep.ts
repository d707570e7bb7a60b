/**
 * No secret is where everybody reads. Fails when the net around the tests has caught one, when a file that we write or hand on
 * looks like one or holds a token of the run, and when nothing was looked at. `node test/security/canary-grep.ts`, after the tests.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Kind } from './net.ts';
import { digestOf, LOOKS_SECRET, TOKENS } from './net.ts';
import type { FileCatch } from './net-catch.ts';
import { CATCHES, readCatches } from './net-catch.ts';

/** What a run of all suites looks at, and much more: fewer, and the net was not there. */
const LEAST_FILES = 100;
const LEAST_TEXTS = { log: 50, answer: 1_000, table: 500 } as const;
const LEAST_SECRETS = 1_000;

/** What we hand on, and what the tests leave behind. What is compiled has nothing that the sources have not. */
const HANDED_ON = ['docs', 'example', 'migrations', 'src', 'bin'];
const LEFT_BEHIND = 'test-output';
const LARGEST_BYTES = 8 * 1024 * 1024;

/** Known to everybody, and no secret of anybody. */
const ALLOWED: readonly (readonly [file: RegExp, what: string, why: string])[] = [
  [/^src\/.*known-answers\./, 'a bcrypt hash', 'answers that everybody can compute, beside their passwords'],
  [/^src\/.*known-answers\./, 'an Argon2 hash', 'the same'],
  [/hash-proof\.ts$/, 'a bcrypt hash', 'of a made-up password, to see what a target reads'],
  [/hash-proof\.ts$/, 'an Argon2 hash', 'the same'],
  [
    /password-settings\.ts$|config\.schema\.json$/,
    'a bcrypt hash',
    'the decoy: nobody knows a password of it',
  ],
  [/footbridge\.yaml$|target-login\.ts$/, 'a bcrypt hash', 'a decoy as well'],
  [/^docs\/recipes\.md$/, 'a bcrypt hash', 'examples, with their passwords beside them'],
];

export interface Found {
  readonly file: string;
  readonly what: string;
}

export function leakIn(file: string, text: string, digests: ReadonlySet<string>): Found[] {
  const looks = LOOKS_SECRET.filter(
    // The word itself is no secret: documentation and code speak of it.
    ([what, pattern]) => what !== 'a canary' && pattern.test(text) && !isAllowed(file, what),
  ).map(([what]) => ({ file, what }));
  // A secret of ours in a file is one that a test has made: only what a test leaves behind can hold it.
  const tokens = digests.size > 0 && file.startsWith(LEFT_BEHIND) ? (text.match(TOKENS) ?? []) : [];
  return tokens.some((token) => digests.has(digestOf(token)))
    ? [...looks, { file, what: 'a token of the run' }]
    : looks;
}

const isAllowed = (file: string, what: string) =>
  ALLOWED.some(([files, allowed]) => allowed === what && files.test(file));

export function leaksInFiles(root: string, digests: ReadonlySet<string>): Found[] {
  return [...HANDED_ON, LEFT_BEHIND, '.'].flatMap((folder) =>
    filesIn(root, folder).flatMap((file) => {
      const path = join(root, file);
      if (statSync(path).size > LARGEST_BYTES) return [{ file, what: 'too large to be looked at' }];
      const text = readFileSync(path, 'utf8');
      return text.includes('\0') ? [] : leakIn(file, text, digests);
    }),
  );
}

function filesIn(root: string, folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  const isRoot = folder === '.';
  return readdirSync(join(root, folder), { recursive: !isRoot, encoding: 'utf8' })
    .map((name) => (isRoot ? name : `${folder}/${name}`))
    .filter((file) => !file.startsWith(CATCHES) && !/(?:^|\/)node_modules\//.test(file))
    .filter(
      (file) => statSync(join(root, file)).isFile() && !/^\.env|\.(?:png|jpe?g|tgz|woff2?)$/.test(file),
    );
}

const secretsOf = (catches: readonly FileCatch[]) => catches.reduce((all, { secrets }) => all + secrets, 0);
const textsOf = (catches: readonly FileCatch[], kind: Kind) =>
  catches.reduce((all, { texts }) => all + texts[kind], 0);
const KINDS = ['log', 'answer', 'table'] as const satisfies readonly Kind[];

/** Whether there was a net at all; in words where there was none. */
export function tooLittle(catches: readonly FileCatch[]): string | undefined {
  const isEnough =
    catches.length >= LEAST_FILES &&
    secretsOf(catches) >= LEAST_SECRETS &&
    KINDS.every((kind) => textsOf(catches, kind) >= LEAST_TEXTS[kind]);
  return isEnough ? undefined : `too little to say anything: run the suites first (${measureOf(catches)})`;
}

const measureOf = (catches: readonly FileCatch[]): string =>
  `${secretsOf(catches)} secrets in ${textsOf(catches, 'log')} lines of logs, ${textsOf(catches, 'answer')} answers and ${textsOf(catches, 'table')} tables of ${catches.length} files of tests`;

/** The lines to say, and whether all is well. */
export function judge(root: string): { readonly lines: readonly string[]; readonly isClean: boolean } {
  const catches = readCatches(root);
  const hits = catches.flatMap(({ file, hits }) =>
    hits.map(
      ({ place, what, before }) => `${file}: ${what} is in a ${place}, behind ${JSON.stringify(before)}`,
    ),
  );
  const files = leaksInFiles(root, new Set(catches.flatMap(({ digests }) => digests))).map(
    ({ file, what }) => `${file}: ${what}`,
  );
  const problem = tooLittle(catches);
  const wrong = [...hits, ...files, ...(problem ? [problem] : [])];
  return { isClean: wrong.length === 0, lines: [...wrong, `looked for ${measureOf(catches)}`] };
}

if (process.argv[1] === import.meta.filename) {
  const { lines, isClean } = judge(join(import.meta.dirname, '../..'));
  for (const line of lines) process.stdout.write(`${line}\n`);
  process.exitCode = isClean ? 0 : 1;
}
