/**
 * How long a malformed or hostile recipe or hash takes to be refused, at worst, and what it leaves in memory. Prints
 * the slowest of each kind; nothing of it may verify.
 */
import { passwordSettings } from '../src/credentials/password-settings.ts';
import { openPasswords } from '../src/credentials/passwords.ts';
import { compileRecipe } from '../src/credentials/recipe/compile.ts';
import { RecipeError } from '../src/credentials/recipe/recipe-error.ts';
import type { StoredPassword } from '../src/user.ts';

const ROUNDS = 200;
const MD5 = '5f4dcc3b5aa765d61d8327deb882cf99';
const HUGE = 'A'.repeat(100_000);

const RECIPES = [
  '',
  'hex(',
  'hex(md5(password)',
  'md5 password',
  'nosuch(password)',
  'hex(md5())',
  'hex(md5(password, salt))',
  "hex(md5('unclosed))",
  'password . ',
  'password = = hash',
  'hex(md5(password)) = hash = salt',
  "column('",
  'column(password)',
  'iterate(0, password, md5(it))',
  'iterate(99999999999, password, md5(it))',
  'iterate(1000000, password, iterate(1000000, it, md5(it)))',
  'hex(pbkdf2_sha256(password, salt, 999999999, 32))',
  'hex(scrypt(password, salt, 1073741824, 64, 64, 64))',
  'hex(argon2id(password, salt, 4294967295, 1000, 255, 64))',
  'repeat_to(password, 999999999)',
  'pad(password, 999999999)',
  'slice(password, 99999999999)',
  '$1 . password',
  'process.exit(1)',
  'password; password',
  '`id`',
  `${'hex('.repeat(500)}password${')'.repeat(500)}`,
  `'${HUGE}'`,
  HUGE,
  Array.from({ length: 400 }, () => 'password').join(' . '),
  '\u0000',
  '__proto__',
];

const hash = (text: string): StoredPassword => ({ format: 'auto', columns: { hash: text } });
const ROWS: readonly StoredPassword[] = [
  hash('$6$rounds=999999999$salt$abc'),
  hash('$2b$31$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'),
  hash('$argon2id$v=19$m=4294967295,t=1000,p=255$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA'),
  hash('$scrypt$ln=30,r=64,p=64$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA'),
  hash('$pbkdf2-sha256$999999999$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA'),
  hash('$y$jzzzzz$salt$hash'),
  hash('$7$zzzzzzzzzz$salt$hash'),
  hash('$P$z12345678aaaaaaaaaaaaaaaaaaaaaa'),
  hash('$sha1$999999999$salt$aaaaaaaaaaaaaaaaaaaaaaaaaaaa'),
  hash('$md5,rounds=999999999$salt$$aaaaaaaaaaaaaaaaaaaaaa'),
  hash(`$2b$10$${HUGE}`),
  hash(`{SSHA}${HUGE}`),
  hash(HUGE),
  { format: 'bcrypt', columns: { hash: { toString: null } } },
  { format: 'keycloak', columns: { credential_data: '['.repeat(2_000), secret_data: '{}' } },
  {
    format: 'recipe',
    recipe: "hex(md5(repeat_to(salt, int(column('n')))))",
    columns: { hash: MD5, salt: 'x', n: '999999999' },
  },
  {
    format: 'recipe',
    recipe: "hex(iterate(int(column('n')), password, md5(it)))",
    columns: { hash: MD5, n: '999999999' },
  },
  { format: 'constructor', columns: { hash: MD5 } },
];

const passwords = openPasswords(passwordSettings.parse({}));
const worst = { recipe: { ms: 0, what: '' }, row: { ms: 0, what: '' } };
function slower(kind: keyof typeof worst, ms: number, what: string): void {
  if (ms > worst[kind].ms) worst[kind] = { ms, what: what.slice(0, 60) };
}

const rss = () => Math.round(process.memoryUsage().rss / 1_048_576);
let before = 0;
for (let round = 0; round < ROUNDS; round++) {
  if (round === 1) before = rss();
  for (const recipe of RECIPES) {
    const startedMs = performance.now();
    const refused = isRefused(recipe);
    // The first round also loads what is used later.
    if (round > 0) slower('recipe', performance.now() - startedMs, recipe);
    if (!refused && !/iterate|pbkdf2|scrypt|argon2|repeat_to|pad|slice|__proto__/.test(recipe))
      throw new Error(`taken: ${recipe.slice(0, 60)}`);
  }
  for (const row of ROWS) {
    const startedMs = performance.now();
    const { verified } = await passwords.verify(row, 'password');
    if (round > 0) slower('row', performance.now() - startedMs, JSON.stringify(row));
    if (verified) throw new Error(`verified: ${JSON.stringify(row).slice(0, 60)}`);
  }
}
const after = rss();
await passwords.close();
console.log(`${RECIPES.length} recipes, ${ROWS.length} rows, ${ROUNDS} rounds`);
for (const [kind, { ms, what }] of Object.entries(worst))
  console.log(`slowest ${kind}: ${ms.toFixed(1)} ms  ${what}`);
console.log(`memory ${before} → ${after} MB`);

function isRefused(recipe: string): boolean {
  try {
    compileRecipe(recipe);
    return false;
  } catch (error) {
    if (!(error instanceof RecipeError)) throw error;
    return true;
  }
}
