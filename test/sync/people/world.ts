/**
 * Two sides that people edit, events that get lost, doubled, late and out of order, outages, and nodes that are killed: all but
 * our PostgreSQL in memory, and everything drawn from one seed, so that a run can be had again.
 */
import { FootbridgeError } from '../../../src/errors.ts';
import type { ApplyField, ApplyInput, ApplyOutcome } from '../../../src/legacy/apply.ts';
import type { Directory } from '../../../src/legacy/directory.ts';
import type { Db } from '../../../src/store/db.ts';
import type { FoundUser, TargetConnection, TargetUser } from '../../../src/targets/connection.ts';
import type { LegacyEntry } from '../../../src/user.ts';

export type Draw = () => number;

/** mulberry32: small, and the same everywhere. */
export function drawing(seed: number): Draw {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export const EDITED = [
  'email',
  'givenName',
  'familyName',
  'nickname',
  'displayName',
  'phone',
  'state',
] as const;
export type Edited = (typeof EDITED)[number];
export type Record = { [Field in Edited]: string } & { email_verified: string };
export type SideName = 'legacy' | 'target';

/** One side: what each person has there, and all that they ever had. */
export interface SideStore {
  readonly people: Map<string, Record>;
  readonly history: Map<string, Set<string>>;
  /** Sync's own writes. */
  writes: number;
  isDown: boolean;
  /** Marks of `apply`. */
  readonly marks: Set<string>;
  /** `sub field value`: what a node wrote over that it had not read, for somebody had changed it in between. */
  readonly blind: Set<string>;
}

export const sideStore = (): SideStore => ({
  people: new Map(),
  history: new Map(),
  writes: 0,
  isDown: false,
  marks: new Set(),
  blind: new Set(),
});

export function put(side: SideStore, sub: string, field: Edited, value: string): void {
  const record = side.people.get(sub)!;
  record[field] = value;
  if (field === 'email') record.email_verified = 'false';
  const key = `${sub} ${field}`;
  const known = side.history.get(key) ?? new Set();
  known.add(value);
  side.history.set(key, known);
}

export class Killed extends Error {}

/** A process: once it is dead nothing of it does anything any more. */
export interface Node {
  isDead: boolean;
}

export interface Faults {
  readonly draw: Draw;
  /** Whether the process dies here. */
  readonly kill: number;
  /** Whether an answer gets lost after the deed. */
  readonly lose: number;
  /** Whether somebody does something meanwhile. */
  readonly meanwhile: number;
  readonly onMeanwhile: (node: Node) => Promise<void>;
}

/** Before and after each call of a node's to the outside. */
export async function through<T>(
  node: Node,
  faults: Faults,
  work: () => Promise<T>,
  down?: () => FootbridgeError | undefined,
): Promise<T> {
  const die = () => {
    node.isDead = true;
    throw new Killed('killed');
  };
  if (node.isDead) throw new Killed('dead');
  if (faults.draw() < faults.kill) die();
  if (faults.draw() < faults.meanwhile) await faults.onMeanwhile(node);
  const outage = down?.();
  if (outage) throw outage;
  const result = await work();
  if (faults.draw() < faults.kill) die();
  if (faults.draw() < faults.meanwhile) await faults.onMeanwhile(node);
  return result;
}

export function killableDb(db: Db, node: Node, faults: Faults): Db {
  const guarded = <T>(work: () => Promise<T>) => through(node, { ...faults, meanwhile: 0 }, work);
  return {
    ...db,
    run: (statement, values) => guarded(() => db.run(statement, values)),
    runParts: (parts, final) => guarded(() => db.runParts(parts, final)),
  };
}

const legacyDown = () => new FootbridgeError('legacy_unavailable');
const targetDown = () => new FootbridgeError('target_unavailable');

export function entryOf(sub: string, record: Record, updatedAt: number | undefined): LegacyEntry {
  const { email, givenName, familyName, nickname, displayName, phone, state } = record;
  const some = (name: string, value: string) => (value === '' ? {} : { [name]: value });
  return {
    user: {
      sub,
      legacyId: sub.slice('shop:'.length),
      username: sub,
      emailVerified: record.email_verified === 'true',
      phoneNumberVerified: false,
      state: state === 'disabled' ? 'disabled' : 'active',
      roles: [],
      attributes: {},
      ...some('email', email),
      ...some('givenName', givenName),
      ...some('familyName', familyName),
      ...some('nickname', nickname),
      ...some('name', displayName),
      ...some('phoneNumber', phone),
      ...(updatedAt === undefined ? {} : { updatedAt: Math.floor(updatedAt / 1_000) }),
    },
    credentials: { passwords: [] },
  };
}

const APPLIED: { readonly [Field in ApplyField]?: Edited } = {
  email: 'email',
  givenName: 'givenName',
  familyName: 'familyName',
  nickname: 'nickname',
  name: 'displayName',
  phoneNumber: 'phone',
  state: 'state',
};

/** As a store with `apply` does it: compared with what was, all or none, and once for each mark. */
export function directoryOver(
  side: SideStore,
  node: Node,
  faults: Faults,
  updatedAt: (sub: string) => number | undefined,
): Directory {
  const down = () => (side.isDown ? legacyDown() : undefined);
  const apply = (sub: string, { fields, mark }: ApplyInput): ApplyOutcome => {
    if (side.marks.has(mark)) return 'already';
    const record = side.people.get(sub);
    if (!record) return 'gone';
    const before = (field: ApplyField): string =>
      field === 'emailVerified' ? record.email_verified : (record[APPLIED[field]!] ?? '');
    for (const [field, change] of Object.entries(fields))
      if (before(field as ApplyField) !== (change.before ?? '')) return 'changed';
    side.marks.add(mark);
    side.writes += 1;
    for (const [field, change] of Object.entries(fields)) {
      const own = APPLIED[field as ApplyField];
      if (own) put(side, sub, own, change.after ?? '');
    }
    const verified = fields.emailVerified?.after;
    if (verified !== undefined) record.email_verified = verified ?? 'false';
    return 'applied';
  };
  return {
    legacyIdOf: (sub: string) => sub.slice('shop:'.length),
    findBySubs: (subs: readonly string[]) =>
      through(
        node,
        faults,
        async () =>
          new Map(
            subs.flatMap((sub) => {
              const record = side.people.get(sub);
              return record ? [[sub, entryOf(sub, record, updatedAt(sub))] as const] : [];
            }),
          ),
        down,
      ),
    applies: () => ({
      fields: new Set<ApplyField>([
        'email',
        'emailVerified',
        'givenName',
        'familyName',
        'nickname',
        'name',
        'phoneNumber',
        'state',
      ]),
      password: undefined,
      removes: false,
    }),
    apply: (sub: string, input: ApplyInput) =>
      through(
        node,
        faults,
        async () => {
          const outcome = apply(sub, input);
          if (faults.draw() < faults.lose) throw legacyDown();
          return outcome;
        },
        down,
      ),
    writes: () => new Set(),
    feeds: [],
    setups: [],
  } as unknown as Directory;
}

export function foundOf(sub: string, record: Record): FoundUser {
  const { email, givenName, familyName, nickname, displayName, phone, state } = record;
  return {
    targetUserId: idOf(sub),
    username: sub,
    loginName: sub,
    state: state === 'disabled' ? 'inactive' : 'active',
    ...(email ? { email: { address: email, isVerified: record.email_verified === 'true' } } : {}),
    ...(phone ? { phone: { number: phone, isVerified: false } } : {}),
    givenName: givenName || '-',
    familyName: familyName || '-',
    ...(nickname ? { nickname } : {}),
    ...(displayName ? { displayName } : {}),
    hasPassword: false,
    hasTotp: false,
    links: [],
    metadata: {},
  };
}
export const idOf = (sub: string) => `t-${sub.slice('shop:'.length)}`;
export const subOf = (targetUserId: string) => `shop:${targetUserId.slice(2)}`;

/** A target without conditional writes, as they all are. */
export function connectionOver(
  side: SideStore,
  node: Node,
  faults: Faults,
  { isBulk }: { readonly isBulk: boolean },
): TargetConnection {
  const down = () => (side.isDown ? targetDown() : undefined);
  const ask = <T>(work: () => T) => through(node, faults, async () => work(), down);
  const read = new Map<string, Record>();
  const store = (id: string, user: TargetUser, fields: readonly string[]) => {
    const sub = subOf(id);
    const record = side.people.get(sub);
    if (!record) return;
    side.writes += 1;
    for (const field of EDITED)
      if (fields.includes(field) && record[field] !== read.get(sub)?.[field])
        side.blind.add(`${sub} ${field} ${record[field]}`);
    const unless = (text: string | undefined) => (text === '-' ? '' : (text ?? ''));
    for (const field of fields) {
      if (field === 'email') {
        put(side, sub, 'email', user.email?.address ?? '');
        record.email_verified = String(user.email?.isVerified ?? false);
      } else if (field === 'phone') put(side, sub, 'phone', user.phone?.number ?? '');
      else if (EDITED.includes(field as Edited))
        put(side, sub, field as Edited, unless(user[field as 'givenName']));
    }
  };
  const setState = (id: string, state: string) =>
    ask(() => {
      if (side.people.get(subOf(id))?.state === state) return;
      side.writes += 1;
      put(side, subOf(id), 'state', state);
    });
  const lost = () => {
    if (faults.draw() < faults.lose) throw targetDown();
  };
  return {
    userById: (id: string) =>
      ask(() => {
        const record = side.people.get(subOf(id));
        if (record) read.set(subOf(id), { ...record });
        return record && foundOf(subOf(id), record);
      }),
    users: ({ after, limit }: { after?: string; limit: number }) =>
      ask(() => {
        const subs = [...side.people.keys()].sort();
        const from = after === undefined ? 0 : subs.findIndex((sub) => sub > after);
        const page = from < 0 ? [] : subs.slice(from, from + limit);
        const last = page.at(-1);
        const isMore = last !== undefined && last !== subs.at(-1);
        return {
          users: page.map((sub) => foundOf(sub, side.people.get(sub)!)),
          ...(isMore ? { next: last } : {}),
        };
      }),
    update: (found: FoundUser, user: TargetUser, fields: readonly string[]) =>
      ask(() => {
        store(found.targetUserId, user, fields);
        lost();
      }),
    ...(isBulk
      ? {
          updateMany: (
            updates: readonly { targetUserId: string; user: TargetUser; fields: readonly string[] }[],
          ) =>
            ask(() => {
              const outcomes = updates.map(({ targetUserId, user, fields }) => {
                store(targetUserId, user, fields);
                return { kind: 'updated' as const };
              });
              lost();
              return outcomes;
            }),
        }
      : {}),
    deactivate: (id: string) => setState(id, 'disabled'),
    reactivate: (id: string) => setState(id, 'active'),
  } as unknown as TargetConnection;
}
