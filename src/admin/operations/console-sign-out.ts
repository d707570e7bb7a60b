import { z } from 'zod';
import { countSessionsOf, endSessions } from '../console/sessions.ts';
import { defineOperation } from '../operation.ts';

export const consoleSignOut = defineOperation({
  name: 'console sign-out',
  summary: 'Ends all of somebody’s sessions at the console. Whoever may sign in elsewhere may come back.',
  input: z.strictObject({
    name: z.string().min(1).max(80).describe('As `console sessions` names them.'),
  }),
  positional: ['name'],
  changes: true,
  role: 'admin',
  async run({ db, actor }, { name }, { execute }) {
    const sessions = execute
      ? await endSessions(db, { name }, actor)
      : await countSessionsOf(db, name, new Date());
    return { executed: execute, name, sessions };
  },
  print: ({ executed, name, sessions }) =>
    `${executed ? 'Ended' : 'Would end'} ${sessions} ${sessions === 1 ? 'session' : 'sessions'} of ${name} at the console.${executed ? '' : ' Nothing was changed: add --execute.'}`,
});
