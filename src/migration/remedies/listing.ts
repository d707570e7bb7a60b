/** The people of a batch whom something has to be done for: how many, and who, a page at a time. */
import { FootbridgeError } from '../../errors.ts';
import type { BatchUser, Outcome } from '../batch/batch.ts';
import type { Batches } from '../batch/batches.ts';
import type { Prescription, Remedy, Ways } from './remedies.ts';
import { prescribe } from './remedies.ts';

/** Only these have problems that a remedy is for. */
const OUTCOMES_WITH_PROBLEMS = ['created', 'failed'] as const satisfies readonly Outcome[];
/** People per question to the database. */
const PAGE = 1_000;
const MAX_EXAMPLES = 5;

export interface Patient {
  readonly sub: string;
  readonly legacyId: string | null;
  readonly outcome: Outcome;
  readonly targetUserId: string | null;
  readonly finishedAt: Date | null;
  readonly prescriptions: readonly Prescription[];
}

interface Read {
  readonly user: BatchUser;
  readonly outcome: Outcome;
}

/** In the order of the batch, those who are there first. Memory does not grow with the batch. */
export async function* patients(
  batches: Pick<Batches, 'users'>,
  {
    batch,
    ways,
    after,
  }: { readonly batch: string; readonly ways: Ways; readonly after?: string | undefined },
): AsyncGenerator<{ readonly patient: Patient; readonly cursor: string }> {
  const from = after === undefined ? undefined : placeOf(after);
  for (const outcome of OUTCOMES_WITH_PROBLEMS.slice(
    from ? OUTCOMES_WITH_PROBLEMS.indexOf(from.outcome) : 0,
  )) {
    const place = from?.outcome === outcome ? from : undefined;
    for await (const user of usersWith(batches, { batch, outcome, after: place })) {
      const prescriptions = prescribe(user, ways);
      if (prescriptions.length === 0) continue;
      yield {
        patient: patientOf({ user, outcome }, prescriptions),
        cursor: `${outcome}:${user.rank}:${user.sub}`,
      };
    }
  }
}

async function* usersWith(
  batches: Pick<Batches, 'users'>,
  {
    batch,
    outcome,
    after: begin,
  }: {
    readonly batch: string;
    readonly outcome: Outcome;
    readonly after: Pick<BatchUser, 'rank' | 'sub'> | undefined;
  },
): AsyncGenerator<BatchUser> {
  let after = begin;
  for (;;) {
    const page = await batches.users(batch, { outcome, limit: PAGE, ...(after ? { after } : {}) });
    yield* page;
    after = page.at(-1);
    if (page.length < PAGE || !after) return;
  }
}

const patientOf = ({ user, outcome }: Read, prescriptions: readonly Prescription[]): Patient => {
  const { sub, legacyId, targetUserId, finishedAt } = user;
  return { sub, legacyId, outcome, targetUserId, finishedAt, prescriptions };
};

/** `created:12:shop:4711`: a rank is a number, a subject may have colons. */
function placeOf(cursor: string) {
  const [, name, rank = '', sub = ''] = /^(\w+):(-?\d+):(.+)$/s.exec(cursor) ?? [];
  const outcome = OUTCOMES_WITH_PROBLEMS.find((one) => one === name);
  if (!outcome)
    throw new FootbridgeError('bad_request', { detail: 'after: expected the `next` of an earlier answer' });
  return { outcome, rank, sub };
}

export interface RemedyCount {
  readonly remedy: Remedy;
  /** One person may need several. */
  readonly users: number;
  /** Why: what is missing and the code, the most frequent first. */
  readonly reasons: readonly { readonly what: string; readonly code: string; readonly users: number }[];
  readonly examples: readonly string[];
}

/** More codes of one remedy are not told apart: those of a target's own making could be as many as people. */
const MAX_REASONS = 50;

/** Each remedy that somebody needs; throws batch_not_found. */
export async function countRemedies(
  batches: Pick<Batches, 'users'>,
  options: { readonly batch: string; readonly ways: Ways; readonly onUser?: (users: number) => void },
): Promise<RemedyCount[]> {
  const counts = new Map<Remedy, Tally>();
  let users = 0;
  for await (const { patient } of patients(batches, options)) {
    users += 1;
    options.onUser?.(users);
    const seen = new Set<Remedy>();
    for (const { remedy, what = 'user', code } of patient.prescriptions) {
      const tally: Tally = counts.get(remedy) ?? { users: 0, reasons: new Map(), examples: [] };
      counts.set(remedy, tally);
      countReason(tally, what, code);
      if (seen.has(remedy)) continue;
      seen.add(remedy);
      tally.users += 1;
      if (tally.examples.length < MAX_EXAMPLES) tally.examples.push(patient.sub);
    }
  }
  return [...counts].map(shown).sort((a, b) => b.users - a.users);
}

interface Tally {
  users: number;
  readonly reasons: Map<string, number>;
  readonly examples: string[];
}

function countReason({ reasons }: Tally, what: string, code: string): void {
  const key = `${what}\n${code}`;
  const known = reasons.has(key) || reasons.size < MAX_REASONS ? key : '…\nothers';
  reasons.set(known, (reasons.get(known) ?? 0) + 1);
}

const shown = ([remedy, { users, reasons, examples }]: [Remedy, Tally]): RemedyCount => ({
  remedy,
  users,
  reasons: [...reasons]
    .map(([key, count]) => {
      const [what = '', code = ''] = key.split('\n');
      return { what, code, users: count };
    })
    .sort((a, b) => b.users - a.users),
  examples,
});

export interface PatientPage {
  readonly people: readonly Patient[];
  /** For `after` of the next page; absent on the last one. */
  readonly next?: string;
}

export async function pageOfPatients(
  batches: Pick<Batches, 'users'>,
  options: {
    readonly batch: string;
    readonly ways: Ways;
    readonly remedy?: Remedy | undefined;
    readonly after?: string | undefined;
    readonly limit: number;
  },
): Promise<PatientPage> {
  const people: Patient[] = [];
  let last: string | undefined;
  for await (const { patient, cursor } of patients(batches, options)) {
    const { remedy } = options;
    if (remedy && !patient.prescriptions.some((one) => one.remedy === remedy)) continue;
    if (people.length === options.limit) return { people, next: last! };
    people.push(patient);
    last = cursor;
  }
  return { people };
}
