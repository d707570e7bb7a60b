/**
 * Handing out one user's secrets, once, to the target that user just logged in to. Everything that can fail is done
 * first; then one statement counts the release, redeems the ticket, moves the user and writes the audit record.
 */
import { FactorUses } from '../credentials/factor-uses.ts';
import type { ErrorCode } from '../errors.ts';
import { FootbridgeError, isFootbridgeError } from '../errors.ts';
import type { Directory } from '../legacy/directory.ts';
import { auditPart } from '../store/audit-log.ts';
import type { Queryable } from '../store/db.ts';
import type { Keyring } from '../store/encryption.ts';
import type { Part } from '../store/statement.ts';
import type { Target } from '../targets/target.ts';
import type { LegacyEntry } from '../user.ts';
import { blockedPart } from './blocked-rewrites.ts';
import type { Caller } from './caller.ts';
import { capturedPart, openCaptured } from './captured-passwords.ts';
import { currentFactors } from './factor-answer.ts';
import type { LedgerRow, PasswordOutcome } from './ledger.ts';
import { find, findPart, moveParts } from './ledger.ts';
import type { SecretsRequest } from './schemas.ts';
import type { AnswerDeps, PreparedAnswer } from './secret-answer.ts';
import { encryptAnswer, secretAnswer } from './secret-answer.ts';
import { nextState } from './states.ts';
import type { Ticket } from './tickets.ts';
import { readTicket, redeemPart, ticketPart } from './tickets.ts';
import { admitPart, countPart, SECONDS_TO_NEXT_DAY } from './volume-fuse.ts';

export interface RetrievalDeps extends AnswerDeps {
  readonly db: Queryable;
  readonly keyring: Keyring;
  readonly directory: Directory;
  /** The audit log's pseudonym of a sub. */
  readonly pseudonym: (sub: string) => Buffer;
  /** For metrics: what became of a request. Many `no_export_ticket` and `user_not_found` mean that somebody tries ids. */
  readonly onRetrieval?: (outcome: {
    readonly target: string;
    readonly outcome: 'released' | ErrorCode;
    /** What became of the password, when released. */
    readonly password?: PasswordOutcome;
  }) => void;
}

export interface Retrieval extends SecretsRequest {
  readonly caller: Caller;
  readonly sub: string;
}

export interface RetrievedSecrets {
  /** `application/jose` when the target has an encryption key. */
  readonly contentType: 'application/json' | 'application/jose';
  readonly body: string;
}

/**
 * Throws no_export_ticket, ticket_expired, ticket_used, already_migrated, user_not_found, user_excluded, user_disabled,
 * volume_exceeded, legacy_unavailable, storage_unavailable.
 */
export async function retrieveSecrets(deps: RetrievalDeps, retrieval: Retrieval): Promise<RetrievedSecrets> {
  const target = retrieval.caller.target.name;
  try {
    const { password, ...secrets } = await retrieve(deps, retrieval);
    deps.onRetrieval?.({ target, outcome: 'released', password });
    return secrets;
  } catch (error) {
    deps.onRetrieval?.({ target, outcome: isFootbridgeError(error) ? error.code : 'internal' });
    throw error;
  }
}

async function retrieve(
  deps: RetrievalDeps,
  retrieval: Retrieval,
): Promise<RetrievedSecrets & { password: PasswordOutcome }> {
  const { caller, sub, formats } = retrieval;
  const { row, ticket, found } = await admit(deps, retrieval);
  const entry = await activeEntry(deps.directory, sub);
  const state = nextState(row.state, 'release') ?? row.state;
  const owner = { target: caller.target.name, sub };
  const captured = openCaptured(deps.keyring, owner, found, entry.credentials.passwords);
  const { blocked } = found;
  const credentials = await currentFactors(new FactorUses(deps.db, deps.keyring), sub, entry.credentials);
  const answer = await secretAnswer(deps, {
    entry: { ...entry, credentials },
    target: caller.target,
    formats,
    state,
    captured,
    blocked,
  });
  const { encryption } = caller.target;
  const secrets: RetrievedSecrets = encryption
    ? { contentType: 'application/jose', body: await encryptAnswer(answer.body, encryption) }
    : { contentType: 'application/json', body: JSON.stringify(answer.body) };
  await release(deps, retrieval, { ticket, answer });
  return { ...secrets, password: answer.password };
}

interface Admission extends Partial<LedgerRow>, Partial<TicketState> {
  readonly sealed: string | null;
  readonly madeOf: string | null;
  readonly blocked: readonly (readonly [format: string, write: string])[];
  readonly admitted: boolean;
  readonly readAt: Date;
}

/**
 * Counts the request, whatever becomes of it, and reads where user and ticket stand. All of it before the legacy store
 * is asked, so that trying costs it nothing.
 */
async function admit(
  deps: RetrievalDeps,
  retrieval: Retrieval,
): Promise<{ row: LedgerRow; ticket: Ticket; found: Admission }> {
  const { actor, target } = retrieval.caller;
  const ticket = boundTicket(deps, retrieval);
  const [found] = await deps.db.runParts<Admission>(
    [
      admitPart(actor, target.volume),
      findPart(target.name, retrieval.sub),
      capturedPart({ target: target.name, sub: retrieval.sub }),
      blockedPart(target.name),
      ...(ticket ? [ticketPart(ticket, target.ticketSeconds)] : []),
    ],
    `select l.*, c.*, b.blocked, ${ticket ? 't.*,' : ''} exists (select from request_admitted) as admitted, now() as "readAt"
     from (select) one left join ledger_found l on true left join captured c on true cross join rewrites_blocked b ${ticket ? 'cross join ticket t' : ''}`,
  );
  if (!found?.admitted) throw new FootbridgeError('volume_exceeded', { retryAfterSeconds: 1 });
  const row = found.state ? (found as LedgerRow) : undefined;
  const refusal = refusalOf(row, target, found.readAt);
  if (refusal) throw new FootbridgeError(refusal);
  if (!row || !ticket) throw new FootbridgeError('no_export_ticket');
  refuseTicket(found);
  return { row, ticket, found };
}

/** Why a user in this state gets nothing released, if so. */
function refusalOf(row: LedgerRow | undefined, target: Target, now: Date): ErrorCode | undefined {
  switch (row?.state) {
    case 'excluded':
      return 'user_excluded';
    case 'deleted':
      return 'user_not_found';
    case 'cut-over':
    case 'retired':
      return 'already_migrated';
    case 'migrated':
      return isWithinRollback(row, target, now) ? undefined : 'already_migrated';
    default:
      // Without a proof there is nothing to release, and a failed attempt needs a new one.
      return row && nextState(row.state, 'release') ? undefined : 'no_export_ticket';
  }
}

function isWithinRollback({ migratedAt }: LedgerRow, target: Target, now: Date): boolean {
  return migratedAt !== null && now.getTime() < migratedAt.getTime() + target.rollbackWindowSeconds * 1_000;
}

/** One of ours, for this user, from a login at one of the calling target's own clients; else undefined. */
function boundTicket(
  { keyring }: RetrievalDeps,
  { caller, sub, ticket: text }: Retrieval,
): Ticket | undefined {
  const ticket = text === undefined ? undefined : readTicket(keyring, text);
  const isBound = ticket?.sub === sub && caller.target.clientIds.includes(ticket.clientId);
  return isBound ? ticket : undefined;
}

interface TicketState {
  readonly unexpired: boolean;
  readonly unused: boolean;
}

function refuseTicket({ unexpired, unused }: Partial<TicketState>): void {
  if (!unexpired) throw new FootbridgeError('ticket_expired');
  if (!unused) throw new FootbridgeError('ticket_used');
}

/** The user as the legacy store has them now, not as they were at the login. */
async function activeEntry(directory: Directory, sub: string): Promise<LegacyEntry> {
  const entry = await directory.findBySub(sub);
  if (!entry) throw new FootbridgeError('user_not_found');
  if (entry.user.state !== 'active') throw new FootbridgeError('user_disabled');
  return entry;
}

interface Released extends TicketState {
  readonly counted: boolean;
  readonly redeemed: boolean;
  readonly released: boolean;
  readonly secondsToNextDay: number;
}

/** The one moment from which on the secrets are out. */
async function release(
  deps: RetrievalDeps,
  { caller, sub }: Retrieval,
  { ticket, answer }: { ticket: Ticket; answer: PreparedAnswer },
): Promise<void> {
  const { target, actor } = caller;
  const subject = deps.pseudonym(sub);
  const open: Part = {
    name: 'ticket_open',
    text: 'select from ticket where unexpired and unused',
    values: [],
  };
  const [done] = await deps.db.runParts<Released>(
    [
      ticketPart(ticket, target.ticketSeconds),
      open,
      countPart(actor, target.volume, 'ticket_open'),
      redeemPart(ticket, 'release_counted'),
      ...moveParts(
        { target: target.name, sub, event: 'release', actor, subject, password: answer.password },
        'ticket_redeemed',
      ),
      auditPart(
        { actor, action: 'secrets.released', subject, detail: { target: target.name, ...answer.released } },
        'ledger_row',
      ),
    ],
    `select ticket.*, exists (select from release_counted) as counted, exists (select from ticket_redeemed) as redeemed,
       exists (select from ledger_row) as released, ${SECONDS_TO_NEXT_DAY} as "secondsToNextDay" from ticket`,
  );
  if (!done) throw new FootbridgeError('internal', { detail: 'the release answered nothing' });
  refuseTicket(done);
  if (!done.counted)
    throw new FootbridgeError('volume_exceeded', { retryAfterSeconds: done.secondsToNextDay });
  if (!done.redeemed) throw new FootbridgeError('ticket_used');
  if (done.released) return;
  // Moved by somebody else between the two statements: the ticket is spent, and nothing was released.
  const row = await find(deps.db, target.name, sub);
  throw new FootbridgeError(refusalOf(row, target, new Date()) ?? 'illegal_transition');
}
