/** One repair under way: what it works with, what it knows of the person, and how it says that it cannot be done. */
import type { FoundUser, NotStored, TargetUser } from '../../targets/connection.ts';
import type { LegacyEntry } from '../../user.ts';
import type { Mover } from '../moving/mover.ts';
import type { Comparing } from './deps.ts';
import type { Look } from './fresh-look.ts';
import type { GivenDeps } from './given.ts';
import type { ComparedField, Marks } from './marks.ts';

export interface RepairDeps {
  readonly comparing: Comparing;
  readonly mover: Mover;
  readonly passwords: GivenDeps['passwords'];
  /** The audit log's pseudonym of a sub. */
  readonly pseudonym: (sub: string) => Buffer;
  /** Somebody was deactivated or removed at the target: what they have elsewhere ends too. */
  readonly onShutOut?: (sub: string) => Promise<void>;
  readonly actor: string;
}

export interface Act {
  readonly sub: string;
  readonly fields: readonly ComparedField[];
  /** Of the difference, as it is now. */
  readonly targetUserIds: readonly string[];
  /** What the target has of the fields, now. */
  readonly right: Marks;
  readonly look: Look;
}

/** It cannot be repaired so. */
export class NotRepaired extends Error {
  readonly code: string;
  constructor(code: string, sentence: string) {
    super(sentence);
    this.name = 'NotRepaired';
    this.code = code;
  }
}

const gone = () => new NotRepaired('changed_meanwhile', 'The person is not there any more.');

export function thereOf({ targetUserIds, look }: Act): FoundUser {
  const found = look.found.get(targetUserIds[0] ?? '');
  if (found) return found;
  throw gone();
}

export function entryOf({ look }: Act): LegacyEntry {
  if (look.entry) return look.entry;
  throw gone();
}

export function wanted({ look: { person } }: Act): TargetUser {
  const user = person.left.kind === 'there' ? person.left.user : undefined;
  if (user) return user;
  throw new NotRepaired('not_portable', 'The rules of this target do not make a user of this person.');
}

export function refuseMissing(missing: readonly NotStored[], kinds: readonly NotStored['what'][]): void {
  const lack = missing.find(({ what }) => kinds.includes(what));
  if (lack) throw new NotRepaired(`target:${lack.code}`, `The target did not store it (${lack.what}).`);
}

const SECRETS: ReadonlySet<string> = new Set<keyof TargetUser>([
  'password',
  'placeholder',
  'isTypedHere',
  'totpSecret',
  'totpRules',
  'passkeys',
  'recoveryCodes',
]);
export const withoutSecrets = (user: TargetUser): TargetUser =>
  Object.fromEntries(Object.entries(user).filter(([name]) => !SECRETS.has(name))) as unknown as TargetUser;
