/** For directories in memory whose store can only be read. */
import { FootbridgeError } from '../../src/errors.ts';
import { NO_APPLIES } from '../../src/legacy/apply.ts';
import type { Directory } from '../../src/legacy/directory.ts';

export const NO_WRITES: Pick<
  Directory,
  'organizationKey' | 'writes' | 'write' | 'applies' | 'apply' | 'feeds' | 'setups'
> = {
  organizationKey: (sub, id) => (sub.startsWith('shop:') ? `shop:${id}` : undefined),
  writes: () => new Set(),
  write: async () => {
    throw new FootbridgeError('not_found');
  },
  applies: () => NO_APPLIES,
  apply: async () => {
    throw new FootbridgeError('not_found');
  },
  feeds: [],
  setups: [],
};
