import { z } from 'zod';
import { defineOperation } from '../operation.ts';
import type { Restored } from '../restored/restored.ts';
import { doRestored, seeRestored } from '../restored/restored.ts';

export const restored = defineOperation({
  name: 'restored',
  summary:
    'To be said once after our database was restored from a backup, before the servers start: ends and takes back whatever may have been used or have ended since, and says what comes next.',
  input: z.strictObject({}),
  changes: true,
  role: 'admin',
  danger: true,
  run: (desk, _input, options) => (options.execute ? doRestored(desk, options) : seeRestored(desk)),
  print(output) {
    return [...whatWasLost(output), '', ...takenBack(output), '', ...next(output)].join('\n');
  },
});

function whatWasLost({ newestRecordAt }: Restored): string[] {
  if (newestRecordAt === undefined) return ['The audit log of this database is empty.'];
  const at = newestRecordAt.slice(0, 19).replace('T', ' ');
  return [`The newest record in this database is of ${at} UTC. What came after that is forgotten here.`];
}

function takenBack({ executed, sessions, deliveries, taken }: Restored): string[] {
  const lines = taken.map(({ rows, holds }) => `${String(rows).padStart(8)}  ${holds}`);
  const cookies = 'Cookies of browsers and tickets from before';
  if (executed) {
    const told = `Sessions of people that ended: ${sessions}. Still to be told of it: ${deliveries}, by the servers.`;
    return ['Taken back:', ...lines, `${cookies} count no more.`, told];
  }
  return [
    'Would take back what may have been used, or have ended, since:',
    ...lines,
    `${cookies} would count no more, and ${sessions} sessions of people would end.`,
  ];
}

function next({ executed, targets, synced }: Restored): string[] {
  if (!executed) return ['Nothing was changed: add --execute.'];
  return [
    'Next: start the servers, and find out who has moved or changed meanwhile:',
    '  footbridge audit verify',
    ...targets.map((target) => `  footbridge batch verify --target ${target} --plan ${target}.jsonl`),
    ...synced.map((target) => `  footbridge sync reconcile --target ${target} --execute`),
  ];
}
