/** Dead letters, and what was heard, had again: any node can be asked, whosever the partitions are. */
import { randomUUID } from 'node:crypto';
import type { ChangeQueue, DeadLetter } from './change-queue.ts';
import type { Nats } from './nats-connection.ts';
import type { KeptRecord, KeptRecords } from './nats-kept.ts';
import type { Identified, Logged } from './nats-putting.ts';
import { messageId, publish } from './nats-putting.ts';
import { readThrough } from './nats-reading.ts';
import type { Names } from './nats-streams.ts';

export interface LettersDeps {
  readonly names: Names;
  readonly kept: KeptRecords;
}

/** The one that died first comes first. */
export async function deadLetters(
  nats: Nats,
  { kept }: LettersDeps,
  { target, limit }: Parameters<ChangeQueue['dead']>[0],
): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = [];
  for await (const page of kept.dead(nats, target)) {
    letters.push(...page.slice(0, Math.max(0, limit - letters.length)).map(letterOf));
    if (letters.length >= limit) break;
  }
  return letters;
}

const letterOf = ({ target, person, problem, attempts, sinceMs, atMs }: KeptRecord): DeadLetter => ({
  target,
  person,
  problem,
  attempts,
  since: new Date(sinceMs),
  diedAt: new Date(atMs),
});

/** They are put again with all that was heard, and then are dead letters no more: killed in between, it is done again. */
export async function redrive(
  nats: Nats,
  { names, kept }: LettersDeps,
  { target, person }: Parameters<ChangeQueue['redrive']>[0],
): Promise<number> {
  let driven = 0;
  for await (const page of kept.dead(nats, target)) {
    const letters = page.filter((letter) => person === undefined || letter.person === person);
    const messages = letters.map(
      ({ seq, target, person, lane, hint, sinceMs }): Identified => ({
        id: messageId('redrive', names.kept, String(seq)),
        body: { target, person, lane, hint, sinceMs },
      }),
    );
    await publish(nats, names, { messages, isLogged: false });
    await Promise.all(letters.map((letter) => kept.forget(nats, letter)));
    driven += letters.length;
  }
  return driven;
}

/** Each person once: the stream itself knows whom it has had in this replay. */
export async function replay(
  nats: Nats,
  { names }: LettersDeps,
  { target, since, until }: Parameters<ChangeQueue['replay']>[0],
): Promise<number> {
  const run = randomUUID();
  let again = 0;
  for await (const page of readThrough(nats, { stream: names.heard, subject: names.heardSubject, since })) {
    const inTime = page.filter(({ time }) => time <= until);
    if (inTime.length === 0) break;
    const logged = inTime.flatMap(({ data }) => JSON.parse(Buffer.from(data).toString()) as Logged[]);
    const messages = logged
      .filter((one) => one.target === target)
      .map(
        (one): Identified => ({
          id: messageId('replay', run, one.person),
          body: { ...one, lane: 'backlog' },
        }),
      );
    again += await publish(nats, names, { messages, isLogged: false });
  }
  return again;
}
