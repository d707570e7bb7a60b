/** What the targets' own code was seen to read, and an independent computation of what is written for them. */
import type { WriteName } from '../../src/credentials/accepted-format.ts';
import type { Passwords, Translation } from '../../src/credentials/passwords.ts';
import { HASH_READERS } from '../../src/targets/index.ts';
import type { Vector } from './vectors.ts';
import { storedOf } from './vectors.ts';

export const TARGETS = ['zitadel', 'kratos', 'keycloak', 'auth0'] as const;
export type TargetName = (typeof TARGETS)[number];

/** How a target fares with one hash; `documented`: read about, not run. */
export interface Expected {
  readonly status: 'lossless' | 'conditional' | 'documented' | 'rehash' | 'never';
  /** ZITADEL, Kratos. */
  readonly encoded?: string;
  readonly accepted_at_import?: boolean;
  /** Keycloak. */
  readonly credential?: object;
  /** Auth0. */
  readonly password_hash?: string;
  readonly custom_password_hash?: object;
}

/** Undefined where the targets' own code was not tried with this hash: then all four are not said. */
export function expectedOf(vector: Vector, target: TargetName): Expected | undefined {
  const translate = vector.translate as Partial<Record<TargetName, Expected>> | undefined;
  return TARGETS.every((name) => translate?.[name]) ? translate?.[target] : undefined;
}

/** What has to be written, or null where nothing may be. */
export function wanted({ accepted_at_import: isAccepted, ...expected }: Expected): string | object | null {
  if (isAccepted === false) return null;
  const { encoded, credential, password_hash, custom_password_hash } = expected;
  if (password_hash) return { password_hash };
  if (custom_password_hash) return { custom_password_hash };
  return encoded ?? credential ?? null;
}

export function translated(passwords: Passwords, vector: Vector, target: string): Translation {
  const { accepts } = HASH_READERS[target as keyof typeof HASH_READERS];
  return passwords.translate(storedOf(vector), accepts);
}

/** The accepted format of a target that wrote this. */
export function acceptedOf(target: string, write: WriteName) {
  const { accepts } = HASH_READERS[target as keyof typeof HASH_READERS];
  return accepts.find((accepted) => accepted.write === write)!;
}

/** Reasons that say for good, after a kind, that a hash cannot be written. */
export const REASONS_BY_STATUS = {
  rehash: ['recoverable'],
  conditional: ['target_bounds', 'too_long'],
  never: [
    'untranslatable_algorithm',
    'password_prepared',
    'salt_not_representable',
    'unsupported_algorithm',
    'unusable',
  ],
} as const;

/** The conditions of the corpus that a caveat stands for. */
export const CAVEATS = [
  'unchanged_passwords_only',
  'username_is_salt',
  'site_key_disclosed',
  'password_length_limited',
];

/** Compares all that is written for a target with what it was seen to read. Gives what differs. */
export function differences(passwords: Passwords, vectors: readonly Vector[], target: TargetName): object[] {
  return vectors.flatMap((vector) => {
    const expected = expectedOf(vector, target);
    if (!expected) return [];
    const made = translated(passwords, vector, target);
    const problem = problemOf(made, expected);
    return problem ? [{ id: vector.id, problem, made, expected: wanted(expected) }] : [];
  });
}

function problemOf(made: Translation, expected: Expected): string | undefined {
  const want = wanted(expected);
  const { status } = expected;
  if ('reason' in made) {
    if (want !== null) return 'not written';
    const reasons: readonly string[] =
      status in REASONS_BY_STATUS ? REASONS_BY_STATUS[status as 'never'] : [];
    return reasons.includes(made.reason) ? undefined : 'a reason of another kind';
  }
  if (JSON.stringify(made.encoded) !== JSON.stringify(want)) return 'written otherwise';
  if (status === 'conditional' && !made.caveats?.some((caveat) => CAVEATS.includes(caveat)))
    return 'no caveat';
  // That passwords may be too long for the target can be said of any bcrypt hash.
  const others = made.caveats?.filter((caveat) => caveat !== 'password_length_limited') ?? [];
  return status === 'conditional' || others.length === 0 ? undefined : 'a caveat that nobody saw';
}
