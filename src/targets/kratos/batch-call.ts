/**
 * Many people in one call: `PATCH /admin/identities`. Kratos says of each what became of them, unless one of them is
 * nothing that it can read or keep: then it takes none (400, or 500 from its database), and does not say who it was.
 */
import type { CreateBody } from './fitting.ts';
import type { Importing, Result, Row } from './import.ts';
import { isWithout } from './import.ts';
import { errorOf, KratosError } from './kratos-error.ts';

/** `BatchPatchIdentitiesLimit`; none of ours has its password in clear. */
export const MAX_BATCH = 1_000;
/** To find one in a thousand takes twenty calls; whoever fails at all of these is not ill, Kratos is. */
const MAX_FAULTS = 24;
const WHAT = 'PATCH /admin/identities';

export async function sendBatches(work: Importing, rows: readonly Row[]): Promise<Result[]> {
  const results: Result[] = [];
  for (let at = 0; at < rows.length; at += MAX_BATCH) {
    results.push(...(await sendPart(work, rows.slice(at, at + MAX_BATCH), { left: MAX_FAULTS })));
  }
  return results;
}

export const batchBody = (bodies: readonly CreateBody[]) => ({
  identities: bodies.map((create, at) => ({ patch_id: patchId(at), create })),
});

/** A UUID, as it must be: the row's number. */
const patchId = (at: number) => `00000000-0000-4000-8000-${at.toString(16).padStart(12, '0')}`;

/** `faults`: how often Kratos may still fail before it is left alone. */
async function sendPart(
  work: Importing,
  rows: readonly Row[],
  faults: { left: number },
): Promise<readonly Result[]> {
  try {
    return await sendAll(work, rows);
  } catch (error) {
    if (!(error instanceof KratosError)) throw error;
    if (isWithout(work, rows, error)) return rows.map(() => 'again');
    if (rows.length === 1 || !isDivided(error, faults)) return rows.map(() => error);
    const half = Math.ceil(rows.length / 2);
    const first = await sendPart(work, rows.slice(0, half), faults);
    return [...first, ...(await sendPart(work, rows.slice(half), faults))];
  }
}

/** Whether it may be for one of them, and nothing was done. A 500 may also be Kratos' own trouble. */
function isDivided({ status, isOfData }: KratosError, faults: { left: number }): boolean {
  if (isOfData || [400, 409, 413, 422].includes(status)) return true;
  return status === 500 && faults.left-- > 0;
}

interface BatchAnswer {
  readonly identities?: readonly {
    readonly action?: string;
    readonly patch_id?: string;
    readonly identity?: string;
    readonly error?: { readonly code?: number };
  }[];
}

/** Throws KratosError where it is about all of them. */
async function sendAll({ api, signal }: Importing, rows: readonly Row[]): Promise<Result[]> {
  const body = batchBody(rows.map(({ fitted }) => fitted.body));
  const { identities = [] } =
    (await api.call<BatchAnswer | undefined>('PATCH', '/identities', { body, signal })) ?? {};
  const byId = new Map(identities.map((one) => [one.patch_id, one]));
  return rows.map((_row, at): Result => {
    const { identity, error } = byId.get(patchId(at)) ?? {};
    if (typeof identity === 'string' && !error) return { id: identity };
    if (error) return errorOf(error.code ?? 0, { error }, { what: WHAT });
    return new KratosError({
      status: 200,
      reason: 'no-row',
      message: `${WHAT} does not say what became of a row`,
    });
  });
}
