/**
 * One line of the fault table: what was broken, under which load, and what it cost. A fault test tells it once it has
 * asserted the same figures; `node docs/fault-table.ts` draws the table from what the last run told.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const FAULT_ROWS = 'test-output/faults';

export interface FaultRow {
  /** The bar's number, as docs/faults.md lists them: R1 to R30. */
  readonly id: `R${number}`;
  /** What was broken, in a few words. */
  readonly fault: string;
  /** What went on meanwhile, with figures. */
  readonly load: string;
  /** People, logins, changes or messages that were lost; 0, or the test has failed. */
  readonly lost: number;
  /** The same of what happened twice. */
  readonly doubled: number;
  /** Answers of 500 and above that are not the clear 503 with Retry-After which the fault has to lead to. */
  readonly unexplained5xx: number;
  /** What was measured until all was well again, in words: “new logins after 0.4 s”. */
  readonly recovery: string;
}

/** Keeps a row for the table; a later run of the same test writes over it. */
export function tellFault(row: FaultRow): void {
  mkdirSync(FAULT_ROWS, { recursive: true });
  const name = row.fault
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 60);
  const long = Boolean(process.env.FOOTBRIDGE_LONG);
  writeFileSync(join(FAULT_ROWS, `${row.id}-${name}.json`), JSON.stringify({ ...row, long }));
}
