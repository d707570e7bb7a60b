/**
 * Everything on all sides about one person. No secret is in it: of a password, a seed or a link it says that there is one. A
 * side that does not answer is named as such, and never as one that knows nobody.
 */
import { hash } from 'node:crypto';
import { isFootbridgeError } from '../../errors.ts';
import { states } from '../../migration/ledger.ts';
import type { Traced } from '../../store/traces.ts';
import { readTrace } from '../../store/traces.ts';
import { listConflicts } from '../../sync/people/conflicts.ts';
import type { FoundUser } from '../../targets/connection.ts';
import type { Credentials, User } from '../../user.ts';
import type { Desk } from '../operation.ts';
import { places, tracedPerson } from './places.ts';

/** Of one place. Whoever has more is no person. */
const MAX_ROWS = 5_000;
const MAX_CONFLICTS = 1_000;

export interface Problem {
  readonly code: string;
  readonly sentence: string;
}

/** What there is besides the profile: how much of it, never what it is. */
export type HeldSecrets = Readonly<Record<keyof Omit<Credentials, 'storeCheck' | 'passkeyIsFactor'>, number>>;

export type LegacySide =
  | { readonly kind: 'found'; readonly user: User; readonly secrets: HeldSecrets }
  | { readonly kind: 'nobody' }
  | { readonly kind: 'unknown'; readonly problem: Problem };

export type TargetSide = { readonly target: string } & (
  | { readonly kind: 'found'; readonly user: FoundUser }
  | { readonly kind: 'nobody' }
  /** The settings do not say how to reach it: whoever runs it is to be asked. */
  | { readonly kind: 'unreachable' }
  | { readonly kind: 'unknown'; readonly problem: Problem }
);

export interface KeptHere {
  readonly place: string;
  readonly holds: string;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** There are more than are shown. */
  readonly isCut: boolean;
}

export interface Everything {
  readonly type: 'footbridge-person';
  readonly version: 1;
  readonly sub: string;
  /** ISO 8601. */
  readonly at: string;
  readonly issuer: string;
  readonly legacy: LegacySide;
  readonly targets: readonly TargetSide[];
  /** In our own database, place by place. */
  readonly here: readonly KeptHere[];
  /** What both sides had changed at once: the values, which are sealed at rest. */
  readonly conflicts: readonly object[];
}

export const isComplete = ({ legacy, targets }: Everything): boolean =>
  legacy.kind !== 'unknown' && targets.every(({ kind }) => kind !== 'unknown');

export const digestOf = (everything: Everything): string =>
  hash('sha256', JSON.stringify(everything), 'base64url');

/** Throws storage_unavailable. */
export async function everythingAbout(desk: Desk, sub: string, now: Date): Promise<Everything> {
  const person = await tracedPerson(desk, sub);
  return {
    type: 'footbridge-person',
    version: 1,
    sub,
    at: now.toISOString(),
    issuer: desk.issuer,
    legacy: await legacySide(desk, sub),
    targets: await targetSides(desk, sub),
    here: await keptHere(desk, person),
    conflicts: await conflictsOf(desk, sub),
  };
}

export const knowsNobody = ({ legacy, targets, here }: Everything): boolean =>
  legacy.kind === 'nobody' &&
  targets.every(({ kind }) => kind === 'nobody' || kind === 'unreachable') &&
  here.length === 0;

export const problemOf = (error: unknown): Problem => {
  if (!isFootbridgeError(error)) throw error;
  return { code: error.code, sentence: error.message };
};

export async function legacySide({ directory }: Pick<Desk, 'directory'>, sub: string): Promise<LegacySide> {
  try {
    const entry = await directory.findBySub(sub);
    if (!entry) return { kind: 'nobody' };
    return { kind: 'found', user: entry.user, secrets: secretsIn(entry.credentials) };
  } catch (error) {
    return { kind: 'unknown', problem: problemOf(error) };
  }
}

const secretsIn = (credentials: Credentials): HeldSecrets => ({
  passwords: credentials.passwords.length,
  totp: credentials.totp ? 1 : 0,
  furtherTotp: credentials.furtherTotp?.length ?? 0,
  passkeys: credentials.passkeys?.length ?? 0,
  recoveryCodes: credentials.recoveryCodes?.length ?? 0,
  identityProviderLinks: credentials.identityProviderLinks?.length ?? 0,
});

async function targetSides({ db, targets }: Desk, sub: string): Promise<TargetSide[]> {
  const rows = await states(db, sub);
  const names = new Set([...targets.all.map(({ name }) => name), ...rows.map(({ target }) => target)]);
  const sides: TargetSide[] = [];
  for (const target of names) {
    const id = rows.find((row) => row.target === target)?.targetUserId;
    sides.push({ target, ...(await atTarget(targets, { target, id: id ?? undefined })) });
  }
  return sides;
}

/** Undefined in place of `target`: it is the caller's. */
type AtTarget = TargetSide extends infer Side ? (Side extends unknown ? Omit<Side, 'target'> : never) : never;

async function atTarget(
  targets: Desk['targets'],
  { target, id }: { readonly target: string; readonly id: string | undefined },
): Promise<AtTarget> {
  if (id === undefined) return { kind: 'nobody' };
  const connection = targets.connection(target);
  if (!connection) return { kind: 'unreachable' };
  try {
    const user = await connection.userById(id);
    return user && user.state !== 'deleted' ? { kind: 'found', user } : { kind: 'nobody' };
  } catch (error) {
    return { kind: 'unknown', problem: problemOf(error) };
  }
}

async function keptHere(desk: Desk, person: Traced): Promise<KeptHere[]> {
  const kept: KeptHere[] = [];
  for (const trace of places) {
    const rows = await readTrace(desk, trace, { ...person, limit: MAX_ROWS + 1 });
    if (rows.length === 0) continue;
    const { place, holds } = trace;
    kept.push({ place, holds, rows: rows.slice(0, MAX_ROWS), isCut: rows.length > MAX_ROWS });
  }
  return kept;
}

async function conflictsOf({ db, keyring, targets }: Desk, sub: string): Promise<object[]> {
  const asked = { sub, onlyOpen: false, limit: MAX_CONFLICTS };
  const found = await Promise.all(
    targets.all.map(({ name: target }) => listConflicts(db, keyring, { target, ...asked })),
  );
  // Of a password there is a note, and never the password.
  return found.flat().map(({ values, ...conflict }) => ({
    ...conflict,
    ...(values && conflict.kind !== 'password' && conflict.field !== 'password' ? { values } : {}),
  }));
}
