/**
 * `footbridge hash identify|verify|translate FILE.jsonl`: one JSON object per line in, one per line out, in the same
 * order. The fields are described in `docs/hashes.md`. A bad line is reported and skipped; nothing stops the rest.
 */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { candidates, isTelling } from './credentials/discovery.ts';
import { passwordSettings } from './credentials/password-settings.ts';
import type { Passwords } from './credentials/passwords.ts';
import { openPasswords } from './credentials/passwords.ts';
import { isRefusal, REASONS } from './credentials/reasons.ts';
import type { Translated } from './credentials/translation.ts';
import { FootbridgeError } from './errors.ts';
import { hashReader } from './targets/index.ts';
import type { StoredPassword } from './user.ts';

const lineObject = z.looseObject({
  id: z.union([z.string(), z.number()]),
  format: z.string().nullish(),
  recipe: z.string().nullish(),
  columns: z.record(z.string(), z.unknown()),
  password: z.string().nullish(),
  username: z.string().nullish(),
  settings: z.record(z.string(), z.unknown()).nullish(),
  target: z.string().nullish(),
});
/** A recipe says more than a name. */
const line = lineObject.transform(({ format, recipe, ...rest }) => ({
  ...rest,
  ...(recipe ? { format: 'recipe', recipe } : { format: format || 'auto' }),
}));
type Line = z.output<typeof line>;

export interface HashCommandOutput {
  readonly out: (line: string) => void;
  readonly say: (text: string) => void;
}

/** Lines under way per slot: enough to keep every slot busy, few enough that none is refused for waiting too long. */
const AHEAD_PER_SLOT = 2;
/** What bcrypt takes of a password. */
const BCRYPT_BYTES = 72;
/** Nobody waits at a login page here. */
const PATIENCE_SECONDS = 60;

export async function hashCommand(
  kind: 'identify' | 'verify' | 'translate',
  file: string,
  io: HashCommandOutput,
): Promise<number> {
  const passwords = openPasswords(passwordSettings.parse({ queueWaitSeconds: PATIENCE_SECONDS }));
  const lines = createInterface({
    input: file === '-' ? process.stdin : createReadStream(file),
    crlfDelay: Infinity,
  });
  let wrong = false;
  let number = 0;
  const ahead = passwords.stats().slots * AHEAD_PER_SLOT;
  const pending: Promise<object | undefined>[] = [];
  const drain = async (keep: number) => {
    while (pending.length > keep) {
      const result = await pending.shift();
      if (result) io.out(JSON.stringify(result));
      if (!result || (kind === 'verify' && !(result as { verified?: boolean }).verified)) wrong = true;
    }
  };
  try {
    for await (const text of lines) {
      number += 1;
      if (!text.trim()) continue;
      const parsed = read(text);
      if (typeof parsed === 'string') io.say(`${file}:${number}: ${parsed}`);
      pending.push(
        typeof parsed === 'string' ? Promise.resolve(undefined) : answerFor(kind, parsed, passwords),
      );
      await drain(ahead);
    }
    await drain(0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    io.say(`${file}: there is no such file`);
    return 2;
  } finally {
    await passwords.close();
  }
  return wrong ? 1 : 0;
}

function read(text: string): Line | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'this line is not JSON; it is skipped';
  }
  const parsed = line.safeParse(value);
  return parsed.success
    ? parsed.data
    : `${parsed.error.issues.map((i) => `${i.path.join('.') || 'line'}: ${i.message}`).join('; ')}; the line is skipped`;
}

/** Why not: a stable code, and a sentence for people. */
interface Reason {
  readonly code: string;
  readonly sentence: string;
}

async function answerFor(
  kind: 'identify' | 'verify' | 'translate',
  given: Line,
  passwords: Passwords,
): Promise<object> {
  const stored: StoredPassword = {
    format: given.format,
    ...('recipe' in given ? { recipe: given.recipe as string } : {}),
    columns: given.columns,
    ...(given.settings ? { settings: given.settings } : {}),
    ...(given.username ? { username: given.username } : {}),
  };
  const identified = passwords.identify(stored);
  const known = isRefusal(identified) ? { format: given.format, algorithm: null } : identified;
  const base = { id: given.id, format: known.format, algorithm: known.algorithm };
  if (kind === 'identify') return isRefusal(identified) ? { ...base, reason: reasonOf(identified) } : base;
  if (isRefusal(identified) && identified.reason === 'recipe_invalid') {
    return { ...base, ...REFUSED[kind], reason: reasonOf(identified) };
  }
  if (kind === 'verify' && isRefusal(identified) && identified.reason === 'unknown_format') {
    const proved = await verifyByProof(passwords, stored, given);
    if (proved) return proved;
  }
  const wanted = kind === 'translate' ? (given.target ?? 'zitadel') : given.target;
  const translation = wanted
    ? translate(passwords, stored, { target: wanted, password: given.password })
    : {};
  if (kind === 'translate') return { ...base, ...translation };
  // The translation's reason comes first: why it cannot be verified says more.
  return { ...base, ...translation, ...(await verify(passwords, stored, given.password)) };
}

/** A name that is not known: if the password opens the hash as some format has it, that is proof enough. */
async function verifyByProof(
  passwords: Passwords,
  stored: StoredPassword,
  given: Line,
): Promise<object | undefined> {
  const { target, password } = given;
  if (!password || !isTelling(password, stored)) return undefined;
  const marked = isRefusal(passwords.identify({ ...stored, format: 'auto' })) ? [] : ['auto'];
  for (const name of [...marked, ...candidates(stored)]) {
    const tried = { ...stored, format: name };
    const { verified } = await verify(passwords, tried, password);
    if (!verified) continue;
    const { format, algorithm } = passwords.identify(tried) as { format: string; algorithm: string };
    const translation = target ? translate(passwords, tried, { target, password }) : {};
    return { id: given.id, format, algorithm, ...translation, verified };
  }
  return undefined;
}

const REFUSED = { verify: { verified: false }, translate: { translated: null } };

const reasonOf = ({ reason, sentence }: { reason: string; sentence: string }): Reason => ({
  code: reason,
  sentence,
});

async function verify(
  passwords: Passwords,
  stored: StoredPassword,
  password: string | null | undefined,
): Promise<{ verified: boolean; reason?: Reason }> {
  if (password === null || password === undefined) {
    return { verified: false, reason: { code: 'no_password', sentence: 'The line has no password.' } };
  }
  try {
    const { verified, reason } = await passwords.verify(stored, password);
    return { verified, ...(reason ? { reason: { code: reason, sentence: REASONS[reason] } } : {}) };
  } catch (error) {
    if (!(error instanceof FootbridgeError)) throw error;
    return { verified: false, reason: { code: error.code, sentence: error.message } };
  }
}

function translate(
  passwords: Passwords,
  stored: StoredPassword,
  { target, password }: { target: string; password: Line['password'] },
): { translated: unknown; conditions?: readonly Reason[]; reason?: Reason } {
  const reader = hashReader(target);
  if (!reader) {
    const sentence = `There is no target ${target} here yet.`;
    return { translated: null, reason: { code: 'unknown_target', sentence } };
  }
  const made = passwords.translate(stored, reader.accepts);
  if (isRefusal(made)) return { translated: null, reason: reasonOf(made) };
  const conditions = conditionsOf(made, password);
  return { translated: made.encoded, ...(conditions.length > 0 && { conditions }) };
}

/** A password in the line decides what the hash leaves open: whether it is too long for the target. */
function conditionsOf({ caveats = [] }: Translated, password: Line['password']): Reason[] {
  const isShort = password && Buffer.byteLength(password) <= BCRYPT_BYTES;
  return caveats
    .filter((caveat) => !(isShort && caveat === 'password_length_limited'))
    .map((caveat) => ({ code: caveat, sentence: REASONS[caveat] }));
}
