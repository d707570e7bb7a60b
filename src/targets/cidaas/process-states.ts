/** What the bulk import says became of each user: `process_states`, of which only examples are documented. */
import type { ImportOutcome } from '../connection.ts';
import { codeOf, numberOf } from './cidaas-error.ts';
import { isSub } from './users.ts';

/** What became of one user. */
export type ProcessState =
  | { readonly kind: 'created' | 'updated'; readonly sub: string }
  | { readonly kind: 'failed'; readonly outcome: Extract<ImportOutcome, { kind: 'refused' }> };

/** What was sent of a user, to find their row by and to keep it out of codes. */
export interface Sent {
  readonly email: string;
  readonly values: readonly string[];
}

type Row = Readonly<Record<string, unknown>>;

/** `invalid email passed`: its syntax, a throw-away domain, or a domain without a mail server. */
const INVALID_EMAIL = '507';

/**
 * One per user, in order; undefined where the answer does not say. A row belongs to the user whose address it names,
 * and only where it names none to the one at its place: a result must never be somebody else's.
 */
export function processStates(document: unknown, sent: readonly Sent[]): (ProcessState | undefined)[] {
  const rows = rowsOf(document);
  const byEmail = new Map<string, Row | undefined>();
  for (const row of rows) {
    const email = emailOf(row);
    // Two rows for one address say nothing.
    if (email !== undefined) byEmail.set(email, byEmail.has(email) ? undefined : row);
  }
  return sent.map((user, at) => {
    const named = byEmail.get(user.email.toLowerCase());
    const placed = rows.length === sent.length ? rows[at] : undefined;
    const row = named ?? (placed && emailOf(placed) === undefined ? placed : undefined);
    return row && stateOf(row, user);
  });
}

function rowsOf(document: unknown): readonly Row[] {
  const { process_states, data } = objectOf(document);
  const rows = [process_states, objectOf(data).process_states, data, document].find(Array.isArray);
  return (rows ?? []).map(objectOf);
}

function emailOf(row: Row): string | undefined {
  const email = objectOf(row.identifier).email ?? row.email;
  return typeof email === 'string' && email !== '' ? email.toLowerCase() : undefined;
}

function stateOf(row: Row, { values }: Sent): ProcessState | undefined {
  const { sub } = row;
  const state = [row.state, row.process_state, row.status].find((one) => typeof one === 'string');
  const word = String(state ?? '').toUpperCase();
  if (word === 'CREATED' && isSub(sub)) return { kind: 'created', sub };
  if (word === 'UPDATED' && isSub(sub)) return { kind: 'updated', sub };
  if (word !== 'FAILED' && sub !== 'ANONYMOUS') return undefined;
  return { kind: 'failed', outcome: refusalOf(row, values) };
}

function refusalOf(row: Row, values: readonly string[]): Extract<ImportOutcome, { kind: 'refused' }> {
  const code = codeOf(row, values);
  if (numberOf(row) === INVALID_EMAIL || code?.startsWith('invalid-email')) {
    return {
      kind: 'refused',
      code: 'invalid-email',
      sentence:
        'cidaas does not take the email address: its domain receives no mail, or is one for throw-away addresses.',
    };
  }
  return {
    kind: 'refused',
    code: code ?? 'failed',
    sentence: `cidaas says that this user could not be migrated${code ? ` (${code})` : ''}.`,
  };
}

const objectOf = (value: unknown): Row => (typeof value === 'object' && value !== null ? (value as Row) : {});
