/**
 * Which hashes this ZITADEL really verifies. No API tells which verifiers are on, and one that imports a hash and never
 * verifies it locks its owner out: so a user with a known password is made for each kind, logs in, and is removed.
 */
import { randomBytes } from 'node:crypto';
import type { WriteName } from '../../../credentials/accepted-format.ts';
import type { Resource } from '../../resources.ts';
import { resourcesOf } from '../../resources.ts';
import type { Check, Finding, Undoing } from '../../setup.ts';
import { ZitadelError } from '../api.ts';
import type { Context } from './context.ts';
import { forget, orGone, record } from './context.ts';

/** A public password: the users who have it live for a second, under a name that nobody knows. */
const PASSWORD = 'Tr0ub4dor&3-Legacy';

/** One of each kind, made by the products themselves, within ZITADEL's bounds; and the verifier that it needs. */
const SAMPLES: Partial<Record<WriteName, readonly [verifier: string, encoded: string]>> = {
  bcrypt: ['bcrypt', '$2b$10$nWQnavg1JmGZq0fGv5n9F.UzMpKsTf04vhZPPIAFHp.Prbn8ouBwe'],
  argon2: [
    'argon2',
    '$argon2id$v=19$m=65536,t=3,p=4$rYQqXcfcNs9APKxkxSE2gg$0jFGjmS8cNm0TIvgvLJPCgaIMDcusV2gj2K9Fopny6s',
  ],
  'pbkdf2-passlib': [
    'pbkdf2',
    '$pbkdf2-sha512$100000$qH0tVb2i7WI6KemgztBvIw$dvETXilAdNoN9.NqaYwyg5JOlxu924bswFU5eS7Qd14',
  ],
  'scrypt-passwap': [
    'scrypt',
    '$scrypt$ln=14,r=8,p=1$KGXIUX7QIRH2plLaNSSHKw$MxVAElQ0iBom6QkK7pS/yf+ZypTtywRgd8GpWYE9XHc',
  ],
  sha512crypt: [
    'sha2',
    '$6$artZ2TcnfuvYA7Am$uicxNdAys6OaXUXDLWIRffCJbHgMpPT9s.C.GCRIV2fQCcLmj/EV6eb4ILlAFe0kpaWPShj9v3Mim2iqhLBdx.',
  ],
  sha256crypt: ['sha2', '$5$rounds=2001$4Kwy6un8AfkHieEJ$26IMF/Dxo181p8/biIkoHNis9tmomz.WPzmrwECTJ74'],
  drupal7: ['drupal7', '$S$Dda0e8fa8n87Yj9D60co9RpU./LQ2NsUeZYLlEkDDlwyAfA2ys7a'],
  phpass: ['phpass', '$P$BXcAt4KwOJ6Il9/TWVDFeKSIt6dU7Z.'],
  md5crypt: ['md5', '$1$UCTJqyPS$8fZ4AAQLBKjMhmoC8q/r9/'],
  'md5salted-prefix': ['md5salted', '$md5salted-prefix$T9iBNMs5$El6f3du2+F+ZYJxdWvFAVQ=='],
  'md5salted-suffix': [
    'md5salted',
    '$md5salted-suffix$DYFiT9hK5uJ8Xz5RrmFL4speugtFGjQ7$tyXYdYnysEnykcNNzbdrsg==',
  ],
  md5plain: ['md5plain', 'b055072efe47bfd7de33574d926914c6'],
};

/** ZITADEL's names for what reads the target's formats. */
export const verifiersOf = ({ target }: Pick<Context, 'target'>): string[] => [
  ...new Set(target.accepts.flatMap(({ write }) => SAMPLES[write]?.[0] ?? [])),
];

export const verifierSetting = (names: readonly string[]): string =>
  `ZITADEL_SYSTEMDEFAULTS_PASSWORDHASHER_VERIFIERS=${names.join(',')}`;

export function hashProofs(context: Context): Check[] {
  return context.target.accepts.flatMap(({ write }) => {
    const sample = SAMPLES[write];
    if (!sample) return [];
    return [{ id: `hash:${write}`, title: `${write} hashes`, run: () => prove(context, write, sample) }];
  });
}

async function prove(
  context: Context,
  write: WriteName,
  [verifier, encoded]: readonly [string, string],
): Promise<Finding> {
  await removeLeftBehind(context, write);
  const userId = `footbridge-proof-${randomBytes(9).toString('hex')}`;
  const todo = `Switch the verifier on (with all others in use: ${verifierSetting(verifiersOf(context))}), or take ${write} out of the target’s accepts.`;
  try {
    const refused = await make(context, { write, userId, encoded });
    if (refused) return { verdict: 'wrong', sentence: `ZITADEL refuses ${write} hashes (${refused}).`, todo };
    if (await opens(context, userId))
      return { verdict: 'ok', sentence: `A user with a ${write} hash was imported and logged in.` };
    const sentence = `ZITADEL imports ${write} hashes and does not verify them: their owners would be locked out. The verifier is ${verifier}.`;
    return { verdict: 'wrong', sentence, todo };
  } finally {
    await remove(context, { name: write, remoteId: userId });
  }
}

interface Made {
  readonly write: WriteName;
  readonly userId: string;
  readonly encoded: string;
}

/** ZITADEL's reason where it refuses the hash. Recorded before: what a cut-off run leaves is removed by the next. */
async function make(context: Context, { write, userId, encoded }: Made): Promise<string | undefined> {
  const { organization } = context.target.users;
  await record(context, { kind: 'proof-user', name: write, remoteId: userId });
  try {
    await context.api.call('POST', '/v2/users/human', {
      ...(organization !== undefined && { organization }),
      body: {
        userId,
        username: userId,
        ...(organization !== undefined && { organization: { orgId: organization } }),
        profile: { givenName: 'Footbridge', familyName: 'Proof' },
        email: { email: `${userId}@users.invalid`, isVerified: true },
        hashedPassword: { hash: encoded, changeRequired: false },
      },
    });
    return undefined;
  } catch (error) {
    if (!(error instanceof ZitadelError) || error.status !== 400) throw error;
    return error.reason;
  }
}

async function opens({ api }: Context, userId: string): Promise<boolean> {
  try {
    const body = { checks: { user: { userId }, password: { password: PASSWORD } } };
    const { sessionId } = await api.call<{ sessionId: string }>('POST', '/v2/sessions', { body });
    await orGone(api.call('DELETE', `/v2/sessions/${encodeURIComponent(sessionId)}`, { body: {} }));
    return true;
  } catch (error) {
    // A wrong password, or a hash that nothing reads.
    if (error instanceof ZitadelError && (error.status === 400 || error.status === 500)) return false;
    throw error;
  }
}

async function removeLeftBehind(context: Context, write: WriteName): Promise<void> {
  const all = await resourcesOf(context.deps.db, context.target.name);
  const left = all.find(({ kind, name }) => kind === 'proof-user' && name === write);
  if (left) await remove(context, left);
}

async function remove(context: Context, { name, remoteId }: Pick<Resource, 'name' | 'remoteId'>) {
  if (remoteId) await orGone(context.api.call('DELETE', `/v2/users/${encodeURIComponent(remoteId)}`));
  await forget(context, { kind: 'proof-user', name });
}

export function undoProofUser(context: Context, { name, remoteId }: Resource): Undoing {
  return {
    id: `proof-user:${name}`,
    what: `The user ${remoteId}, left behind by a proof of hashes, is removed.`,
    undo: () => remove(context, { name, remoteId }),
  };
}
