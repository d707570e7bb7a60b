/**
 * Reads the legacy store from end to end, read-only, and says what a move would meet. Pages of users are counted and
 * the count is kept in our database as it goes: a survey that was cut off goes on, however it ended. Memory does not
 * grow with the store.
 */
import { createHash, hash } from 'node:crypto';
import type { Passwords } from '../../credentials/passwords.ts';
import { FootbridgeError } from '../../errors.ts';
import type { Directory } from '../../legacy/directory.ts';
import type { DirectoryEntry } from '../../legacy/entries.ts';
import type { Db } from '../../store/db.ts';
import type { Keyring } from '../../store/encryption.ts';
import type { Progress } from '../operation.ts';
import type { SurveyLogin } from './checkpoints.ts';
import { finishCheckpoint, keepCheckpoint, openCheckpoint, sharedLogins } from './checkpoints.ts';
import { USER_FINDINGS } from './findings.ts';
import type { Reader } from './passwords-of.ts';
import { countPasswords } from './passwords-of.ts';
import type { Report } from './report.ts';
import { reportOf } from './report.ts';
import type { Tally } from './tally.ts';
import { addCase, emptyTally, increment, type LAST_LOGINS } from './tally.ts';

export interface SurveyDeps {
  readonly db: Db;
  readonly keyring: Keyring;
  readonly directory: Directory;
  readonly passwords: Pick<Passwords, 'examine'>;
  readonly readers: readonly Reader[];
  /** Of everything the result depends on besides the store: other settings begin afresh. */
  readonly settingsFingerprint: Buffer;
}

export interface SurveyOptions {
  /** Users per second at most. */
  readonly rate?: number | undefined;
  readonly restart?: boolean | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** One survey per installation: all its stores together. */
const NAME = 'legacy';
/** Users between two checkpoints: a second or so of work is done again after a kill. */
const STEP_USERS = 1_000;
const RECENT_SECONDS = 90 * 86_400;

/** Throws survey_running, legacy_unavailable, storage_unavailable; config_invalid where the store cannot be read so. */
export async function runSurvey(deps: SurveyDeps, options: SurveyOptions = {}): Promise<Report> {
  const { db, directory } = deps;
  if (!directory.entries)
    throw new FootbridgeError('config_invalid', {
      detail: 'this store cannot be read from end to end: give it `queries.page`',
    });
  const begin = { name: NAME, settings: deps.settingsFingerprint, restart: options.restart ?? false };
  const checkpoint = await openCheckpoint(db, begin, emptyTally(deps.readers.map(({ name }) => name)));
  const { tally } = checkpoint;
  let { version, after } = checkpoint;
  const pace = paceOf(tally.users, await directory.count?.().catch(() => undefined), options);
  const mac = macWith(deps.keyring);
  let logins: SurveyLogin[] = [];
  let pending = 0;
  const keep = async () => {
    version = await keepCheckpoint(db, NAME, { version, after, tally }, logins);
    logins = [];
    pending = 0;
    await pace(tally.users);
  };
  for await (const entry of directory.entries(after)) {
    countEntry(deps, tally, entry);
    logins.push(...loginsOf(mac, entry));
    pending += 1;
    // One whose id makes no subject is counted, but is no place to go on from.
    if (directory.legacyIdOf(entry.sub) === undefined) continue;
    after = entry.sub;
    if (pending >= STEP_USERS) await keep();
  }
  await keep();
  const report = reportOf(tally, await sharedLogins(db), {
    targets: deps.readers.map(({ name }) => name),
    startedAt: checkpoint.startedAt,
    finishedAt: new Date(),
  });
  await finishCheckpoint(db, { name: NAME, version }, report);
  return report;
}

/** Waits where the store is to be spared, and tells how it goes. */
function paceOf(continuedFrom: number, total: number | undefined, { rate, onProgress }: SurveyOptions) {
  const startedMs = performance.now();
  return async (users: number) => {
    const done = users - continuedFrom;
    const waitMs = rate ? (done / rate) * 1_000 - (performance.now() - startedMs) : 0;
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const seconds = (performance.now() - startedMs) / 1_000;
    onProgress?.({ users, total, continuedFrom, perSecond: Math.round(done / Math.max(seconds, 0.001)) });
  };
}

function countEntry(deps: SurveyDeps, tally: Tally, entry: DirectoryEntry): void {
  tally.users += 1;
  if (entry.error) {
    addCase(tally.unmappable, entry.error.detail ?? entry.error.code, entry.sub);
    return;
  }
  const { user, credentials, sub } = entry;
  tally.states[user.state] += 1;
  const when = lastLoginOf(user.lastLoginAt, Date.now() / 1_000);
  increment(tally.lastLogins, when);
  const isRecent = when === '30 days' || when === '90 days';
  countPasswords(tally, deps, { sub, credentials, isRecent });
  for (const finding of USER_FINDINGS) if (finding.applies(entry)) addCase(tally.findings, finding.code, sub);
  tally.coverage.totp += Number(credentials.totp !== undefined);
  tally.coverage.roles += Number(user.roles.length > 0);
  for (const kind of ['passkeys', 'recoveryCodes', 'identityProviderLinks'] as const)
    tally.coverage[kind] += Number((credentials[kind]?.length ?? 0) > 0);
}

function lastLoginOf(at: number | undefined, now: number): (typeof LAST_LOGINS)[number] {
  if (at === undefined) return 'not known';
  const age = now - at;
  if (age <= RECENT_SECONDS / 3) return '30 days';
  if (age <= RECENT_SECONDS) return '90 days';
  return age <= 365 * 86_400 ? '1 year' : 'longer ago';
}

/** What a user could be taken for somebody else by. */
function* loginsOf(mac: Mac, entry: DirectoryEntry): Generator<SurveyLogin> {
  const { sub } = entry;
  yield { kind: 'id', ...mac('id', sub), sub };
  if (entry.error) return;
  const { username, email } = entry.user;
  for (const login of new Set([username, email])) {
    if (login !== undefined) yield { kind: 'login', ...mac('login', login), sub };
  }
  const at = username?.lastIndexOf('@') ?? -1;
  if (username && at > 0) yield { kind: 'local', ...mac('local', username.slice(0, at)), sub };
}

type Mac = (kind: SurveyLogin['kind'], text: string) => Pick<SurveyLogin, 'folded' | 'exact'>;

/** Among a billion logins two share half a digest by chance once in a thousand million surveys. */
const MAC_BYTES = 16;

/**
 * Keyed, so that the rows say nothing about anybody. A prefix key is enough: half of each digest is never shown, and
 * an HMAC each would be a third of a survey's time.
 */
function macWith(keyring: Keyring): Mac {
  const key = keyring.mac('survey').toString('base64');
  const mac = (kind: string, text: string) =>
    hash('sha256', `${key}${kind} ${text}`, 'buffer').subarray(0, MAC_BYTES);
  return (kind, text) => {
    const exact = mac(kind, text);
    const folded = fold(text);
    return { exact, folded: folded === text ? exact : mac(kind, folded) };
  };
}

/** However it is cased, composed or padded. */
const fold = (text: string) => text.normalize('NFKC').toLowerCase().trim();

/** For `settingsFingerprint`: of anything that is plain data. */
export function fingerprint(value: unknown): Buffer {
  return createHash('sha256').update(JSON.stringify(value)).digest();
}
