/** What events make of a row of the ledger, as pieces of SQL: generated from the table of transitions. */
import type { MoveValue } from './ledger-row.ts';
import type { Event, State } from './states.ts';
import { nextState, STATES } from './states.ts';

export interface Way {
  readonly to: State;
  /** How many of the events moved. */
  readonly moves: number;
}

/** Whoever is in a batch already, or further, need not be put into one. */
const LEFT_OUT: readonly Event[] = ['enqueue'];

/** Where these events lead, one after the other, from each state in which that is legal; other states are left out. */
export function waysOf(events: readonly Event[]): ReadonlyMap<State, Way> {
  return new Map(
    STATES.flatMap((from): [State, Way][] => {
      const way = wayFrom(from, events);
      return way ? [[from, way]] : [];
    }),
  );
}

function wayFrom(from: State, events: readonly Event[]): Way | undefined {
  let [at, moves] = [from, 0];
  for (const [index, event] of events.entries()) {
    const next = nextState(at, event);
    if (!next && (index === events.length - 1 || !LEFT_OUT.includes(event))) return undefined;
    if (next && next !== at) moves += 1;
    at = next ?? at;
  }
  return { to: at, moves };
}

export type Column = readonly [name: string, text: string];

/** What is set in a row `l`: the next state by the present one, and what was made of the events' columns. */
export function setFor(ways: ReadonlyMap<State, Way>, columns: readonly Column[]): string {
  const by = (value: (way: Way) => string) =>
    `case l.state ${[...ways].map(([from, way]) => `when '${from}' then ${value(way)}`).join(' ')} end`;
  const stays = [...ways].flatMap(([from, { moves }]) => (moves === 0 ? [from] : []));
  const isMove = stays.length ? `l.state not in (${list(stays)})` : 'true';
  return [
    'from_state = l.state',
    `state = ${by(({ to }) => `'${to}'`)}`,
    `version = l.version + ${by(({ moves }) => String(moves))}`,
    `state_changed_at = case when ${isMove} then now() else l.state_changed_at end`,
    ...columns.map(([column, text]) => `${column} = ${text}`),
  ].join(', ');
}

/** For `in (…)`. */
export const list = (states: readonly State[]) => states.map((state) => `'${state}'`).join(', ');

/** The column of an earlier part that a move's value is in. */
export const columnOf = (name: MoveValue) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
