import { z } from 'zod';
import { isFootbridgeError } from '../../errors.ts';
import type { DeadLetter } from '../../sync/queue/change-queue.ts';
import { seen, tableText } from '../batch/sections.ts';
import { minute } from '../claim-tokens/claim-desk.ts';
import { subOf } from '../find-user.ts';
import type { Desk } from '../operation.ts';
import { defineOperation } from '../operation.ts';
import type { SyncedField, SyncedPerson } from '../sync/person.ts';
import { letterOf, passwordWords, personAt } from '../sync/person.ts';
import { pairAt, whichTarget } from '../sync/sync-desk.ts';

export const syncUser = defineOperation({
  name: 'sync user',
  summary:
    'Tells what is known of one person between the legacy store and a target, field by field and without a value: who leads, what is known to be equal, what waits, conflicts.',
  input: z.strictObject({
    user: z.string().min(1).max(500).describe('What the person types to log in, or the sub.'),
    target: whichTarget,
  }),
  positional: ['user'],
  changes: false,
  async run(desk, { user, target }) {
    const pair = pairAt(desk, target);
    const sub = await subOf(desk.directory, user);
    return { ...(await personAt(desk, pair, sub)), ...(await letterAt(desk, pair.target, sub)) };
  },
  print: (person) =>
    [
      `${person.sub} at ${person.target}`,
      ...standingLines(person),
      ...tableText({
        head: ['field', 'leads', 'known to be equal', 'note'],
        rows: person.fields.map(fieldRow),
      }),
      ...(person.password ? [`  ${passwordWords(person.password)}`] : []),
      ...letterLines(person.letter, person.isQueueAway),
      ...person.conflicts.map(
        ({ id, field, kind, at, decided }) =>
          `  conflict ${id}: ${field}, ${kind}, ${minute(at)} UTC, ${decided === null ? 'to be decided' : `${decided} kept`}`,
      ),
    ]
      .map(seen)
      .join('\n'),
});

/** All the rest is told while the queue is away. */
async function letterAt(desk: Desk, target: string, sub: string) {
  try {
    return { letter: (await letterOf(desk, target, sub)) ?? null, isQueueAway: false };
  } catch (error) {
    if (!isFootbridgeError(error, 'storage_unavailable')) throw error;
    return { letter: null, isQueueAway: true };
  }
}

function standingLines({ standing, looked }: SyncedPerson): string[] {
  const { readAt, wroteAt, goneSince } = looked ?? {};
  const moments = [
    readAt ? `target last read ${minute(readAt)}` : undefined,
    wroteAt ? `last written ${minute(wroteAt)}` : undefined,
    goneSince ? `gone at one side since ${minute(goneSince)}` : undefined,
  ].filter((part) => part !== undefined);
  const id = standing?.targetUserId ? ` as ${standing.targetUserId}` : '';
  return [
    `  ledger   ${standing ? `${standing.state}${id}` : 'legacy (never seen here)'}`,
    `  sync     ${looked ? `looked at${moments.length > 0 ? `; ${moments.join(', ')} UTC` : ''}` : 'nobody has looked at them yet'}`,
  ];
}

const fieldRow = ({ field, leads, isKnown, intended, refusedUntil }: SyncedField): string[] => [
  field,
  leads,
  isKnown ? 'yes' : 'no',
  [
    ...(intended.length > 0 ? [`on its way to ${intended.join(', ')}`] : []),
    ...(refusedUntil ? [`not kept there; tried again ${minute(new Date(refusedUntil))} UTC`] : []),
  ].join('; '),
];

function letterLines(letter: DeadLetter | null, isQueueAway: boolean): string[] {
  if (isQueueAway) return ['  The queue does not answer: nobody knows whether they are a dead letter.'];
  if (!letter) return [];
  const { problem, attempts, diedAt } = letter;
  return [
    `  dead letter since ${minute(diedAt)} UTC after ${attempts} tries: ${problem.code}: ${problem.sentence}`,
  ];
}
