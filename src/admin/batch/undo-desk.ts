/** What taking people back needs of the desk, and how the command line says who is meant. */
import { FootbridgeError } from '../../errors.ts';
import { selectionSchema, selectionShape } from '../../migration/batch/selection.ts';
import type { UndoAsked } from '../../migration/batch/undo-asked.ts';
import { isWhole } from '../../migration/batch/undo-asked.ts';
import type { UndoingDeps } from '../../migration/batch/undoing.ts';
import { idpIdOf } from '../../targets/resources.ts';
import type { Desk } from '../operation.ts';

export function undoingDeps({ db, keyring, directory, targets, audit }: Desk): UndoingDeps {
  const { pseudonym } = audit;
  return { db, keyring, directory, targets, pseudonym, ourIdp: (target) => idpIdOf(db, target) };
}

const { target: _, order: __, limit: ___, subs: ____, states, ...filters } = selectionShape;

/** The filters of a plan, which ask the legacy store; here its people may be in any state. */
export const segmentShape = {
  ...filters,
  states: states.removeDefault().optional().describe('Only people in these states of the legacy store.'),
} as const;

interface Given {
  readonly user?: string | undefined;
  readonly outcome?: 'created' | 'migrated' | undefined;
  readonly code?: string | undefined;
}

/** Throws bad_request for filters that do not go together. */
export function askedOf({ user, outcome, code, ...filters }: Given & Record<string, unknown>): UndoAsked {
  const given = Object.entries(filters).filter(([, value]) => value !== undefined);
  const segment = given.length > 0 ? Object.fromEntries(given) : undefined;
  if (segment) check(segment);
  return {
    ...(user === undefined ? {} : { user }),
    ...(outcome === undefined ? {} : { outcome }),
    ...(code === undefined ? {} : { code }),
    ...(segment ? { segment } : {}),
  };
}

function check(segment: Readonly<Record<string, unknown>>): void {
  const found = selectionSchema.safeParse({ ...segment, target: 'any' });
  if (found.success) return;
  throw bad(found.error.issues.map(({ message }) => message).join('; '));
}

/** Throws bad_request: whoever ends an undo ends all of it. */
export function checkStop(asked: UndoAsked): void {
  if (!isWhole(asked)) throw bad('--stop ends what is under way: say nothing else with it.');
}

const bad = (detail: string) => new FootbridgeError('bad_request', { detail });
