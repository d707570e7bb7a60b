/** What taking a batch back would do, and what would be lost; nothing is changed, and only so many are looked at. */
import type { DirectoryEntry } from '../../legacy/entries.ts';
import type { FoundUser, TargetConnection } from '../../targets/connection.ts';
import type { Batch } from './batch.ts';
import type { UndoAsked } from './undo-asked.ts';
import { inSegment, segmentOf } from './undo-asked.ts';
import type { KeptField } from './undo-kept.ts';
import type { Look, UndoDeps } from './undo-person.ts';
import { lookAt } from './undo-person.ts';
import type { UndoMember } from './undo-rows.ts';
import { countCandidates, sampleCandidates } from './undo-tally.ts';

/** People who are looked up at the target, at most. */
export const MAX_LOOKED = 1_000;
/** People whose record is read to find those of a segment, at most: a part of them is a sample of it. */
const MAX_READ = 20_000;
const RECORDS = 200;
const AT_ONCE = 4;
const EXAMPLES = 5;

export const WILL = ['remove', 'unlink', 'nothing', 'refused'] as const;
export type Will = (typeof WILL)[number];
/** Of people who would be removed. `secondFactor`, `passkeys`, `password`: they have one there that did not come from here. */
export const LOSSES = [
  'loggedIn',
  'password',
  'secondFactor',
  'passkeys',
  'profile',
  'roles',
  'links',
  'inactive',
] as const;
export type Loss = (typeof LOSSES)[number];

export interface Group {
  /** Of those who were looked at. */
  readonly people: number;
  /** Of everybody; the same where everybody was looked at. */
  readonly about: number;
  /** The first subjects. */
  readonly examples: readonly string[];
}

export interface Foresight {
  /** Who is asked for; where `isSample` and a segment was asked for, an estimate. */
  readonly people: number;
  readonly looked: number;
  /** Not everybody was looked at. */
  readonly isSample: boolean;
  readonly will: Readonly<Record<Will, Group>>;
  /** Why people are refused, by code. */
  readonly refusals: Readonly<Record<string, Group>>;
  readonly lost: Readonly<Record<Loss, Group>>;
  /** Which fields were changed at the target, and would be kept. */
  readonly fields: Readonly<Partial<Record<KeptField, Group>>>;
  /** Disabled or locked in the legacy store: they could log in nowhere. */
  readonly disabled: Group;
  /** Whether the target tells who has logged in. */
  readonly tellsSessions: boolean;
}

export interface ForesightDeps extends UndoDeps {
  readonly connection: Pick<TargetConnection, 'sessionsOf'>;
}

/** Somebody, where they stand, and since when they are at the target. */
export interface Looked {
  readonly sub: string;
  readonly since: Date | null;
  readonly look: Look;
  readonly entry: DirectoryEntry | undefined;
}

type NewSecret = 'password' | 'secondFactor' | 'passkeys';

export interface Seen extends Pick<Looked, 'sub' | 'look'> {
  readonly isDisabled: boolean;
  readonly hasLoggedIn: boolean;
  readonly newSecrets: readonly NewSecret[];
}

/** Throws target_unavailable, target_refused, legacy_unavailable, storage_unavailable, and when aborted. */
export async function foresee(
  deps: ForesightDeps,
  { batch, asked }: { readonly batch: Batch; readonly asked: UndoAsked },
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Foresight> {
  const all = await countCandidates(deps.db, batch.id, asked);
  const chosen = await chooseOf(deps, { batch, asked });
  const seen: Seen[] = [];
  for (let at = 0; at < chosen.members.length; at += AT_ONCE) {
    signal?.throwIfAborted();
    const some = chosen.members.slice(at, at + AT_ONCE);
    seen.push(
      ...(await Promise.all(
        some.map(async ({ member, entry }) => {
          const look = await lookAt(deps, { batch, member, entry });
          return see(deps, { sub: member.sub, since: member.finishedAt, look, entry });
        }),
      )),
    );
  }
  const people = Math.round(chosen.read === 0 ? 0 : (all * chosen.fitting) / chosen.read);
  const isSample = seen.length < people || chosen.read < all;
  const tellsSessions = deps.connection.sessionsOf !== undefined;
  return { people, looked: seen.length, isSample, ...foresightOf(seen, people), tellsSessions };
}

interface Chosen {
  readonly member: UndoMember;
  readonly entry: DirectoryEntry | undefined;
}

/** Of so many whose record was read so many are asked for; of them `members` are looked at. */
async function chooseOf(
  { db, directory }: UndoDeps,
  { batch, asked }: { readonly batch: Batch; readonly asked: UndoAsked },
): Promise<{ readonly members: readonly Chosen[]; readonly read: number; readonly fitting: number }> {
  const segment = segmentOf(asked, batch.target);
  const nowSeconds = Date.now() / 1_000;
  const limit = segment ? MAX_READ : MAX_LOOKED;
  const candidates = await sampleCandidates(db, batch.id, { asked, limit });
  const members: Chosen[] = [];
  let read = 0;
  while (read < candidates.length && members.length < MAX_LOOKED) {
    const some = candidates.slice(read, read + RECORDS);
    const entries = await directory.findBySubs(some.map(({ sub }) => sub));
    const found = some.map((member) => ({ member, entry: entries.get(member.sub) }));
    members.push(...found.filter(({ entry }) => !segment || inSegment(segment, entry, nowSeconds)));
    read += some.length;
  }
  return { members: members.slice(0, MAX_LOOKED), read, fitting: members.length };
}

/** Throws target_unavailable, target_refused. */
export async function see(
  deps: Pick<ForesightDeps, 'connection'>,
  { sub, since, look, entry }: Looked,
): Promise<Seen> {
  const { found } = look.way;
  const isTaken = look.fate.kind === 'go' && look.fate.mark === 'removing' && found !== undefined;
  const isDisabled = look.fate.kind === 'go' && !!entry && !entry.error && entry.user.state !== 'active';
  return {
    ...{ sub, look, isDisabled },
    hasLoggedIn: isTaken && (await hasLoggedIn(deps, since, found)),
    newSecrets: isTaken ? newSecretsOf(look, entry, found) : [],
  };
}

/** A session that is live there and began after the move. */
async function hasLoggedIn(
  { connection }: Pick<ForesightDeps, 'connection'>,
  since: Date | null,
  { targetUserId }: FoundUser,
): Promise<boolean> {
  const sessions = (await connection.sessionsOf?.(targetUserId)) ?? [];
  const sinceSeconds = Math.floor((since?.getTime() ?? 0) / 1_000);
  return sessions.some(({ startedAt, provedAt }) => (provedAt ?? startedAt) >= sinceSeconds);
}

/** What we have not brought, and is there. That somebody has replaced what we brought, no target tells. */
function newSecretsOf(
  { way: { row } }: Look,
  entry: DirectoryEntry | undefined,
  found: FoundUser,
): NewSecret[] {
  const isBrought =
    row?.password === 'carried' || row?.password === 'rehashed' || row?.password === 'captured';
  const had = entry && !entry.error ? entry.credentials : undefined;
  return [
    ...(found.hasPassword && !isBrought ? (['password'] as const) : []),
    ...(found.hasTotp && !had?.totp ? (['secondFactor'] as const) : []),
    ...(found.hasPasskeys && !had?.passkeys?.length ? (['passkeys'] as const) : []),
  ];
}

const WILL_BY_MARK = { removing: 'remove', unlinking: 'unlink', reverting: 'nothing' } as const;

function willOf({ fate }: Look): Will {
  if (fate.kind === 'refuse') return 'refused';
  return fate.kind === 'go' ? WILL_BY_MARK[fate.mark] : 'nothing';
}

const PROFILE_LOSSES: Readonly<Partial<Record<KeptField, Loss>>> = {
  grants: 'roles',
  links: 'links',
  state: 'inactive',
};

function lossesOf({ look, hasLoggedIn, newSecrets }: Seen): Loss[] {
  const fields = Object.keys(look.changes) as KeptField[];
  const ofFields = new Set(fields.map((field) => PROFILE_LOSSES[field] ?? 'profile'));
  return [...(hasLoggedIn ? (['loggedIn'] as const) : []), ...newSecrets, ...ofFields];
}

/** Of so many people these were looked at. */
export function grouping<S extends Pick<Seen, 'sub'>>(seen: readonly S[], people: number) {
  const group = (isIn: (one: S) => boolean): Group => {
    const some = seen.filter(isIn);
    const about = seen.length === 0 ? 0 : Math.round((some.length * people) / seen.length);
    return { people: some.length, about, examples: some.slice(0, EXAMPLES).map(({ sub }) => sub) };
  };
  const groups = <K extends string>(keys: Iterable<K>, isIn: (one: S, key: K) => boolean) =>
    Object.fromEntries([...keys].map((key) => [key, group((one) => isIn(one, key))])) as Record<K, Group>;
  return { group, groups };
}

export function foresightOf(seen: readonly Seen[], people: number) {
  const { group, groups } = grouping(seen, people);
  const codeOf = ({ look: { fate } }: Seen) => (fate.kind === 'refuse' ? fate.problem.code : undefined);
  const codes = new Set(seen.flatMap((one) => codeOf(one) ?? []));
  const fields = new Set(seen.flatMap(({ look }) => Object.keys(look.changes) as KeptField[]));
  return {
    will: groups(WILL, ({ look }, will) => willOf(look) === will),
    refusals: groups(codes, (one, code) => codeOf(one) === code),
    lost: groups(LOSSES, (one, loss) => lossesOf(one).includes(loss)),
    fields: groups(fields, ({ look }, field) => field in look.changes),
    disabled: group(({ isDisabled }) => isDisabled),
  };
}
