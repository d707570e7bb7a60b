/** Settings of the password verifier: how much hashing at once, what is refused unhashed, what a miss costs. */
import { z } from 'zod';
import { count } from '../settings.ts';

/** What a stored hash may cost. Rows of a legacy store are input: one with `m=4194304` would take 4 GiB. */
const caps = z.strictObject({
  bcryptCost: count(4, 31, 15).describe('Highest bcrypt cost that is computed.'),
  argon2MemoryKib: count(8, 4_194_304, 262_144).describe('Highest Argon2 memory in KiB.'),
  argon2Passes: count(1, 100, 10).describe('Highest number of Argon2 passes.'),
  argon2Lanes: count(1, 255, 8).describe('Highest number of Argon2 lanes; twice as many up to 64 MiB.'),
  scryptMemoryKib: count(1, 4_194_304, 262_144).describe('Highest scrypt memory (128·N·r bytes) in KiB.'),
  pbkdf2Iterations: count(1, 100_000_000, 2_000_000).describe('Highest number of PBKDF2 iterations.'),
  cryptRounds: count(1, 100_000_000, 1_000_000).describe(
    'Highest number of rounds of sha-crypt, phpass, Drupal 7 and iterated digests.',
  ),
});

/** bcrypt at cost 10 of a random password that nobody knows: the most common hash of all. */
const COMMON_HASH = '$2b$10$mbpirexTCjzaI/Wp3aplPezGtjUfBlxJBfLQxW4rEq2aJGLO5KgNW';

export const passwordSettings = z.strictObject({
  slots: z
    .int()
    .min(1)
    .max(256)
    .optional()
    .describe(
      'Hashes computed at once. By default the number of cores: more only makes every login slower. Argon2 also needs libuv threads: UV_THREADPOOL_SIZE, less two.',
    ),
  queueLength: count(0, 10_000, 256).describe(
    'Hashes that may wait for a slot; beyond, a login is answered 503 at once.',
  ),
  queueWaitSeconds: count(1, 60, 5).describe(
    'How long a hash may be expected to wait, by the speed measured so far; beyond, a login is answered 503.',
  ),
  decoy: z
    .strictObject({
      format: z.string().min(1),
      columns: z.record(z.string(), z.unknown()),
      settings: z.record(z.string(), z.unknown()).optional(),
    })
    .default({ format: 'bcrypt', columns: { password: COMMON_HASH } })
    .describe(
      'A hash of a random password in the format and cost most users have: a login that finds no hash takes as long.',
    ),
  caps: caps.prefault({}).describe('What a stored hash may cost; one beyond is refused before any work.'),
});

export type PasswordSettings = z.output<typeof passwordSettings>;
export type Caps = PasswordSettings['caps'];
