/**
 * `footbridge hash identify|verify|translate FILE.jsonl`: one JSON object per line in, one per line out, in the same
 * order. The fields are described in `docs/hashes.md`. A bad line is reported and skipped; nothing stops the rest.
 */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { passwordSettings } from './credentials/password-settings.ts';
import type { Passwords } from './credentials/passwords.ts';
import { openPasswords } from './credentials/passwords.ts';
import { REASONS } from './credentials/reasons.ts';
import { FootbridgeError } from './errors.ts';
import { TARGET_KINDS } from './targets/index.ts';
import type { StoredPassword } from './user.ts';

const line = z.looseObject({
  id: z.string(),
  format: z.string().default('auto'),
  columns: z.record(z.string(), z.unknown()),
  password: z.string().nullish(),
  username: z.string().nullish(),
  settings: z.record(z.string(), z.unknown()).nullish(),
  target: z.string().nullish(),
});
type Line = z.output<typeof line>;

export interface HashCommandOutput {
  readonly out: (line: string) => void;
  readonly say: (text: string) => void;
}

/** Lines under way per slot: enough to keep every slot busy, few enough that none is refused for waiting too long. */
const AHEAD_PER_SLOT = 2;
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
    columns: given.columns,
    ...(given.settings ? { settings: given.settings } : {}),
    ...(given.username ? { username: given.username } : {}),
  };
  const identified = passwords.identify(stored);
  const known = 'format' in identified ? identified : { format: given.format, algorithm: null };
  const base = { id: given.id, format: known.format, algorithm: known.algorithm };
  if (kind === 'identify') return 'reason' in identified ? { ...base, reason: reasonOf(identified) } : base;
  const wanted = kind === 'translate' ? (given.target ?? 'zitadel') : given.target;
  const translation = wanted ? translate(passwords, stored, wanted) : {};
  if (kind === 'translate') return { ...base, ...translation };
  // The translation's reason comes first: why it cannot be verified says more.
  return { ...base, ...translation, ...(await verify(passwords, stored, given.password)) };
}

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
  target: string,
): { translated: unknown; reason?: Reason } {
  if (!(target in TARGET_KINDS)) {
    const sentence = `There is no target kind ${target} here yet.`;
    return { translated: null, reason: { code: 'unknown_target', sentence } };
  }
  const made = passwords.translate(stored, TARGET_KINDS[target as keyof typeof TARGET_KINDS].accepts);
  return 'encoded' in made ? { translated: made.encoded } : { translated: null, reason: reasonOf(made) };
}
