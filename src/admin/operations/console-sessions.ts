import { z } from 'zod';
import { seen, tableText } from '../batch/sections.ts';
import { listSessions } from '../console/sessions.ts';
import { defineOperation } from '../operation.ts';

export const consoleSessions = defineOperation({
  name: 'console sessions',
  summary: 'Lists who is signed in at the console, with their role and when they were last seen there.',
  input: z.strictObject({}),
  changes: false,
  run: async ({ db }) => {
    const sessions = await listSessions(db, new Date());
    return { sessions: sessions.map(({ id: _, ...session }) => session) };
  },
  print: ({ sessions }) =>
    sessions.length === 0
      ? 'Nobody is signed in at the console.'
      : tableText({
          head: ['name', 'role', 'by', 'since', 'last seen', 'until'],
          rows: sessions.map(({ name, role, via, startedAt, seenAt, expiresAt }) => [
            seen(name),
            role,
            seen(via),
            ...[startedAt, seenAt, expiresAt].map((date) => date.toISOString().slice(0, 16)),
          ]),
        }).join('\n'),
});
