/** What events make of a row of the ledger, as pieces of SQL: generated from the table of transitions. */
import type { MoveValue } from './ledger-row.ts';
import type { Event, State } from './states.ts';
import { nextState, STATES } from './states.ts';

export interface Way {
  readonly to: State;
  /** How many of the events moved. */
  readonly moves: number;
}

/** Where these events lead, one after the other, from each state in which the last is legal by then; others are left out. */
export function waysOf(events: readonly Event[]): ReadonlyMap<State, Way> {
  const ways = STATES.flatMap((from): [State, Way][] => {
    const steps = events.reduce<{ at: State; moves: number; last?: State | undefined }>(
      ({ at, moves }, event) => {
        const last = nextState(at, event);
        return { at: last ?? at, moves: moves + Number(last !== undefined && last !== at), last };
      },
      { at: from, moves: 0 },
    );
    return steps.last ? [[from, { to: steps.last, moves: steps.moves }]] : [];
  });
  return new Map(ways);
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
