import type { Routing } from '../../src/migration/routing.ts';

/** No plan says anything. */
export const UNPLANNED: Routing = {
  where: async () => undefined,
  stays: async () => false,
  waits: async () => false,
};
