/** What sync writes to one store: fields of ours, in the store's own columns and words. */
import { FootbridgeError } from '../errors.ts';
import type { Applies, ApplyInput, ApplyOutcome } from './apply.ts';
import { NO_APPLIES } from './apply.ts';
import type { Connector } from './connector.ts';
import type { Ask, Directory } from './directory.ts';
import { idOf } from './subjects.ts';

interface Store {
  readonly prefix: string;
  readonly ask: Ask;
  readonly forget: (sub: string) => void;
}

export function applyingTo(_connector: Connector, { prefix }: Store): Pick<Directory, 'applies' | 'apply'> {
  return {
    applies: (_sub: string): Applies => NO_APPLIES,
    apply: async (sub: string, _input: ApplyInput): Promise<ApplyOutcome> => {
      if (idOf(prefix, sub) === undefined) throw new FootbridgeError('user_not_found');
      throw new FootbridgeError('not_found', { detail: '`apply` is not configured' });
    },
  };
}
