/** Somebody who has arrived, field by field: what differs, and which side has changed since both were the same. */
import type { LedgerRow } from '../ledger.ts';
import type { Difference, Kind, Person, Rules, There, Verdict } from './classify.ts';
import type { Base, ComparedField, Marks } from './marks.ts';
import { COMPARED_FIELDS, MARK_BYTES, withoutProfile } from './marks.ts';
import type { Leads } from './repair-kinds.ts';
import { repairOfField } from './repair-kinds.ts';
import type { Right } from './target-side.ts';

const PRESENCE: readonly ComparedField[] = ['totp', 'link', 'legacyId'];
const THERE = 'set';
const ANOTHER = 'another';

export interface Pair {
  readonly person: Person;
  readonly rules: Rules;
  readonly left: There;
  readonly right: Right;
  readonly row: LedgerRow;
  /** Of the two sides, for this person. */
  readonly leads: Leads;
}

export function compareFields(pair: Pair): Verdict {
  const { person, rules, right } = pair;
  const owner = rules.ownerMark(right.targetUserId);
  const base = baseFor(pair, owner);
  const wanted = wantedMarks(pair);
  const found = foundMarks(pair, base);
  // Where an address stands for the name, the target may know no other.
  const isTold = (field: ComparedField) =>
    field === 'username' ? found.username : found[field] !== undefined;
  const fields = COMPARED_FIELDS.filter(
    (field) =>
      wanted[field] !== undefined &&
      (isTold(field) || wanted[field] === found[field]) &&
      rules.fields.has(field),
  );
  const same = fields.filter((field) => wanted[field] === found[field]);
  const differing = fields.filter((field) => wanted[field] !== found[field]);
  const differences = differencesOf(pair, { base, wanted, found, differing });
  return {
    standing: differing.length > 0 ? 'differs' : 'equal',
    differences,
    same: {
      ...(base === person.base ? {} : base),
      of: owner,
      ...Object.fromEntries(same.map((field) => [field, wanted[field]])),
    },
  };
}

/** Of this very user at the target; what an older master key has made is carried over as far as it goes. */
function baseFor({ person: { base }, rules, right }: Pair, owner: string): Base | undefined {
  if (!base || base.of === owner) return base;
  const isOlder = rules.olderOwnerMarks(right.targetUserId).includes(base.of);
  return isOlder ? { of: owner, ...withoutProfile(base) } : undefined;
}

function wantedMarks({ left, right }: Pair): Marks {
  const { user, state, fingerprints } = left;
  // What cannot be rewritten may be there all the same, caught at a login: then it is to be the same still.
  const isCompared = fingerprints[0] !== undefined && (user?.password || right.marks.password);
  return {
    ...(user ? left.profile(right.targetUserId) : {}),
    // Locked is for a moment: both are right.
    ...(state === 'locked' ? {} : { state: state === 'active' ? 'active' : 'inactive' }),
    ...(isCompared ? { password: fingerprints[0]! } : {}),
    ...(user ? { totp: user.totpSecret ? THERE : '' } : {}),
    link: THERE,
    legacyId: THERE,
  };
}

function foundMarks({ person, left, right, row }: Pair, base: Base | undefined): Marks {
  const whether = (value: string | null, mine: string) => (value === mine ? THERE : value ? ANOTHER : '');
  return {
    ...right.marks,
    state: right.state,
    password: right.marks.password ? knownPassword(row, base, left.fingerprints) : '',
    link: whether(right.sub, person.sub),
    legacyId: whether(right.legacyId, left.legacyId),
  };
}

/** Which password the target has, as far as we know; where we do not, and where it had one before us, it may be this one. */
function knownPassword(
  { made, releasedOf }: LedgerRow,
  base: Base | undefined,
  fingerprints: readonly string[],
): string {
  const [wanted = ''] = fingerprints;
  const released = releasedOf === 'changed' ? undefined : releasedOf?.slice(0, 2 * MARK_BYTES);
  const known = base?.password ?? released;
  return made !== true || known === undefined || fingerprints.includes(known) ? wanted : known;
}

interface Sides {
  readonly base: Base | undefined;
  readonly wanted: Marks;
  readonly found: Marks;
  readonly differing: readonly ComparedField[];
}

/** One difference for all fields of one kind that the same repair mends. */
function differencesOf(
  { person, rules, right, row, leads }: Pair,
  { base, wanted, found, differing }: Sides,
): Difference[] {
  const groups = new Map<string, Difference & { fields: ComparedField[]; left: Marks; right: Marks }>();
  for (const field of differing) {
    const [wants, has] = [wanted[field] ?? '', found[field] ?? ''];
    const kind = kindOf(field, { wants, has, before: baseOf(field, base, row) });
    const asked = { kind, field, wants, has, leads, canUpdate: rules.canUpdate };
    const repair = repairOfField(asked);
    const key = `${kind} ${repair}`;
    const known = groups.get(key);
    const targetUserIds = [right.targetUserId];
    const { sub } = person;
    groups.set(key, {
      ...{ sub, kind, repair, targetUserIds },
      fields: [...(known?.fields ?? []), field],
      left: { ...known?.left, [field]: wants },
      right: { ...known?.right, [field]: has },
    });
  }
  return [...groups.values()];
}

/** Whomever we have made was active then: only active people are moved. */
function baseOf(field: ComparedField, base: Base | undefined, { made }: LedgerRow): string | undefined {
  return base?.[field] ?? (field === 'state' && made === true ? 'active' : undefined);
}

interface Values {
  readonly wants: string;
  readonly has: string;
  /** When both were last the same. */
  readonly before: string | undefined;
}

/** What is only there or not needs no base: the side that has it has come by it. A password at a target nobody takes away. */
function kindOf(field: ComparedField, { wants, has, before }: Values): Kind {
  if (field === 'password') return 'changed-left';
  if (before === undefined && PRESENCE.includes(field)) {
    if (has === '') return 'changed-left';
    return wants === '' ? 'changed-right' : 'conflict';
  }
  if (before === has) return 'changed-left';
  return before === wants ? 'changed-right' : 'conflict';
}
