/** The state machine, from `src/migration/states.ts`: drawn and as a table. */
import type { State } from '../../src/migration/states.ts';
import { EVENTS, LOST_BY_REVERT, STATES, TRANSITIONS } from '../../src/migration/states.ts';
import { code, page, table } from './markdown.ts';

/** Ways that lead from almost everywhere to one place; drawn, they would hide the others. */
const NOT_DRAWN = ['revert', 'exclude', 'delete'];

export function statesPage(): string {
  const text = [
    INTRODUCTION,
    drawing(),
    `Not drawn: ${NOT_DRAWN.map(code).join(', ')}, and events that leave a user where they are. All of it:`,
    table(['State', ...EVENTS.map(code)], STATES.map(row)),
    '## What going back loses',
    table(
      ['`revert` from', 'Lost'],
      Object.entries(LOST_BY_REVERT).map(([state, lost]) => [code(state), lost]),
    ),
  ].join('\n\n');
  return page('States of the ledger', { from: '`src/migration/states.ts`', text });
}

const INTRODUCTION = `Where one user stands on the way to one target. A user without a row is \`legacy\`. An event that is not in the table
is illegal and changes nothing. Every move is one statement: row, outbox and audit record together, or nothing.`;

function row(state: State): string[] {
  return [code(state), ...EVENTS.map((event) => TRANSITIONS[state][event] ?? '')];
}

function drawing(): string {
  const ways = new Map<string, string[]>();
  for (const from of STATES) {
    for (const event of EVENTS) {
      const to = TRANSITIONS[from][event];
      if (!to || to === from || NOT_DRAWN.includes(event)) continue;
      const way = `${id(from)} --> ${id(to)}`;
      ways.set(way, [...(ways.get(way) ?? []), event]);
    }
  }
  const lines = [...ways].map(([way, events]) => `  ${way} : ${events.join(', ')}`);
  return [
    '```mermaid',
    'stateDiagram-v2',
    '  state "cut-over" as cut_over',
    '  [*] --> legacy',
    ...lines,
    '```',
  ].join('\n');
}

/** Mermaid's names have no hyphen. */
const id = (state: State) => state.replace('-', '_');
