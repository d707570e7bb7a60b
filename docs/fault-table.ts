/** `node docs/fault-table.ts [--write]`: the fault table of the last `npm run test:faults`, on stdout or into docs/faults.md. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FaultRow } from '../test/support/fault-row.ts';
import { FAULT_ROWS } from '../test/support/fault-row.ts';

const BEGIN = '<!-- begin: node docs/fault-table.ts -->';
const END = '<!-- end -->';
const PAGE = new URL('faults.md', import.meta.url);

const number = (row: FaultRow) => Number(row.id.slice(1));
const files = existsSync(FAULT_ROWS) ? readdirSync(FAULT_ROWS) : [];
const rows = files
  .map((file) => JSON.parse(readFileSync(join(FAULT_ROWS, file), 'utf8')) as FaultRow)
  .toSorted((a, b) => number(a) - number(b) || a.fault.localeCompare(b.fault));
const table = [
  '| Bar | Fault | Load | Lost | Doubled | Unexplained 5xx | Recovery |',
  '| --- | --- | --- | --- | --- | --- | --- |',
  ...rows.map(
    ({ id, fault, load, lost, doubled, unexplained5xx, recovery }) =>
      `| ${id} | ${fault} | ${load} | ${lost} | ${doubled} | ${unexplained5xx} | ${recovery} |`,
  ),
].join('\n');

if (process.argv.includes('--write')) {
  const page = readFileSync(PAGE, 'utf8');
  const [before, rest] = [page.slice(0, page.indexOf(BEGIN)), page.slice(page.indexOf(END))];
  writeFileSync(PAGE, `${before}${BEGIN}\n${table}\n${rest}`);
} else process.stdout.write(`${table}\n`);
