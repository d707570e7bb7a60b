/** What it means for people when a phase, an app or a segment goes back to the old login: counted before anybody does it. */
import { phaseStandings, someThere } from '../../migration/phase-standings.ts';
import type { PeopleAsked } from '../../rollout/assignments.ts';
import type { SwitchKind } from '../../rollout/deciding.ts';
import { newestOf } from '../../store/audit-log.ts';
import { TAKES_TURNS } from '../../sync/pairs.ts';
import { openPasswords } from '../../sync/passwords/password-states.ts';
import type { Desk } from '../operation.ts';
import { pairOf, unwrittenFields } from '../sync/sync-desk.ts';
import type { Standing } from './rollout-desk.ts';

export interface Foresight {
  readonly assigned: number;
  /** At the target, where they keep their account. */
  readonly there: number;
  /** Of those who are there: who has set another password there since. */
  readonly passwords: {
    readonly looked: number;
    readonly changed: number;
    /** Of everybody; the same where everybody was looked at. */
    readonly about: number;
  };
  readonly sync: PasswordSync;
}

export interface PasswordSync {
  /** A newer password of the target counts here, because sync keeps both equal. */
  readonly comesBack: boolean;
  /** Whose newer password has not come to the legacy store yet: it is checked at the target until it does. */
  readonly waiting: number;
  /** Legacy stores that cannot take a password. */
  readonly cannot: readonly string[];
}

/** Whose records are read to count passwords: of more they are a sample, and it takes a second. */
const MAX_LOOKED = 5_000;
/** Somebody who logs in daily has hundreds of records: with so many people at once it stays within a second. */
const AT_ONCE = 500;

export interface Named {
  readonly kind: Exclude<SwitchKind, 'everything'>;
  readonly name: string;
}

/** Throws storage_unavailable. */
export async function foresee(desk: Desk, standing: Standing, named: Named): Promise<Foresight> {
  const asked = peopleOf(standing, named);
  const standings = [...(await phaseStandings(desk.db, asked)).values()];
  const sum = (of: (one: (typeof standings)[number]) => number) =>
    standings.reduce((all, one) => all + of(one), 0);
  const there = sum((one) => one.there);
  const found = await changedPasswords(desk, asked);
  const about = found.looked < there ? Math.round((found.changed * there) / found.looked) : found.changed;
  return {
    assigned: sum((one) => one.assigned),
    there,
    passwords: { ...found, about },
    sync: await passwordSync(desk, standing.target),
  };
}

/** Whom it is about: those assigned to the phase, by the segment, or to phases that lead the app. */
function peopleOf({ target, snapshot, rows }: Standing, { kind, name }: Named): PeopleAsked {
  const fits = (phase: string) => {
    if (kind === 'segment') return true;
    if (kind === 'phase') return phase === name;
    const apps = snapshot.plan.phases.find((one) => one.name === phase)?.apps ?? [];
    return apps === 'all' || apps.includes(name);
  };
  const phases = rows.filter(({ phase, state }) => fits(phase) && state !== 'rolled-back');
  return {
    target,
    phases: phases.map(({ phase, attempt }) => ({ phase, attempt })),
    segment: kind === 'segment' ? name : undefined,
  };
}

async function changedPasswords(
  { db, keyring }: Pick<Desk, 'db' | 'keyring'>,
  asked: PeopleAsked,
): Promise<{ readonly looked: number; readonly changed: number }> {
  const people = await someThere(db, asked, MAX_LOOKED);
  let changed = 0;
  for (let from = 0; from < people.length; from += AT_ONCE) {
    const some = people.slice(from, from + AT_ONCE).map(({ sub, since }) => ({
      since,
      // Also as the log knew them under older master keys.
      subjects: keyring.macs('audit-subject', sub),
    }));
    const newest = await newestOf(
      db,
      { action: 'target.password-set', target: asked.target },
      some.flatMap(({ subjects }) => subjects),
    );
    changed += some.filter(({ since, subjects }) =>
      subjects.some(
        (subject) => (newest.get(subject.toString('hex'))?.getTime() ?? -Infinity) > since.getTime(),
      ),
    ).length;
  }
  return { looked: people.length, changed };
}

const COUNTS_HERE: ReadonlySet<string> = new Set(['target', 'last-writer', 'ask']);

async function passwordSync(desk: Desk, target: string): Promise<PasswordSync> {
  const none = { comesBack: false, waiting: 0, cannot: [] };
  const { sync, db, directory } = desk;
  const pair = sync?.settings.pairs.find((one) => one.target === target);
  if (!sync || !pair || !COUNTS_HERE.has(pair.fields.password.before)) return none;
  const state = (await pairOf(desk, target))?.state;
  if (!state || !TAKES_TURNS.has(state)) return none;
  const open = (await openPasswords(db)).filter((one) => one.target === target && one.state === 'at-target');
  const unwritten = unwrittenFields({ directory, sync }, pair);
  return {
    comesBack: true,
    waiting: open.reduce((all, { people }) => all + people, 0),
    cannot: unwritten.filter(({ fields }) => fields.includes('password')).map(({ store }) => store),
  };
}
