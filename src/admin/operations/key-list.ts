import { z } from 'zod';
import { listKeys } from '../../provider/keys.ts';
import { defineOperation } from '../operation.ts';

export const keyList = defineOperation({
  name: 'key list',
  summary: 'Lists signing and cookie keys: which signs, which is next, which still verifies.',
  input: z.strictObject({}),
  changes: false,
  run: async ({ db }) => ({ keys: await listKeys(db) }),
  print: ({ keys }) =>
    keys
      .map((k) => `${k.purpose.padEnd(7)} ${k.state.padEnd(9)} ${k.kid}  since ${k.stateSince.toISOString()}`)
      .join('\n'),
});
