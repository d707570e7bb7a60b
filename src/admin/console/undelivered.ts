/** Messages that nobody took: logouts, letters, writes to the legacy store, and webhooks that nobody has dealt with. */
import { failingWrites } from '../../migration/claim-tokens/legacy-writes.ts';
import { undeliveredNotices } from '../../migration/claim-tokens/notices.ts';
import { undelivered } from '../../migration/mailings/mailings.ts';
import { countDeliveries, listDeliveries } from '../../sessions/ending/deliveries.ts';
import { waitingEvents } from '../../sync/inbox.ts';
import type { Desk } from '../operation.ts';
import type { Who } from '../perform.ts';
import { notAll, person, SHOWN } from './dead-letters.ts';
import { offer } from './offers.ts';
import { userHref } from './page.ts';
import type { CellOf, Panel } from './panels.ts';
import { count } from './panels.ts';

/** A webhook is dealt with within seconds. */
const LATE_MS = 300_000;

export async function logouts({ db }: Desk, who: Who): Promise<Panel[]> {
  const [counts, dead] = await Promise.all([
    countDeliveries(db),
    listDeliveries(db, { dead: true, limit: SHOWN }),
  ]);
  const open = counts.filter((one) => one.dead > 0);
  if (open.length === 0) return [];
  return [
    {
      lead: 'These recipients were told for a day: the sessions may still be open there.',
      links: open.flatMap(({ kind, name, dead: letters }) =>
        offer(who, {
          operation: 'delivery retry',
          label: `Tell ${name} again (${count(letters)})`,
          input: { kind, name },
        }),
      ),
      table: {
        label: 'Logouts that were given up, newest first',
        head: ['Recipient', 'Of whom', 'What', 'Since', 'Why', ''],
        rows: dead.map(({ id, kind, name, sub, handle, createdAt, problem }): CellOf[] => [
          `${kind} ${name}`,
          person(sub),
          handle === null ? 'all sessions' : 'one session',
          { at: createdAt },
          problem ? `${problem.code}: ${problem.sentence}` : '',
          { links: offer(who, { operation: 'delivery retry', label: 'Tell again', input: { id } }) },
        ]),
        ...notAll(
          open.reduce((sum, one) => sum + one.dead, 0),
          dead.length,
        ),
      },
    },
  ];
}

export async function campaignLetters({ db }: Desk, who: Who): Promise<Panel[]> {
  const found = await undelivered(db, SHOWN);
  if (found.length === 0) return [];
  return [
    {
      lead: 'The campaign itself goes on with them: tick “Repeat failed” there, or “Repeat unsure” where a second letter does no harm.',
      table: {
        label: 'Letters of campaigns, by why',
        head: ['Campaign', 'Target', 'What', 'Code', 'People', 'For example', ''],
        numbers: [4],
        rows: found.map(({ campaign, target, remedy, state, code, users, examples, batch }): CellOf[] => [
          campaign,
          target,
          { badge: { text: state, tone: state === 'failed' ? 'bad' : 'warn' }, note: remedy },
          code ? { code } : '',
          count(users),
          { links: examples.slice(0, 3).map((sub) => ({ label: sub, href: userHref(sub) })) },
          {
            links: remedy.startsWith('claim')
              ? offer(who, { operation: 'claim invite', label: 'Go on', input: { target, campaign } })
              : offer(who, {
                  operation: 'batch remind',
                  label: 'Go on',
                  input: { id: batch ?? undefined, campaign },
                }),
          },
        ]),
      },
    },
  ];
}

export async function singleLetters({ db }: Desk): Promise<Panel[]> {
  const found = await undeliveredNotices(db, SHOWN);
  if (found.length === 0) return [];
  return [
    {
      lead: 'What people were to be told of their own doing. Whoever still needs a link can be given one.',
      table: {
        label: 'Letters to single people, newest first',
        head: ['Who', 'Target', 'Letter', 'What', 'Code', 'When'],
        rows: found.map(({ sub, target, notice, state, code, endedAt }): CellOf[] => [
          person(sub),
          target,
          notice,
          { badge: { text: state, tone: state === 'failed' ? 'bad' : 'warn' } },
          code ? { code } : '',
          { at: endedAt },
        ]),
        ...(found.length === SHOWN ? { more: 'The newest; there may be more.' } : {}),
      },
    },
  ];
}

export async function legacyWrites({ db }: Desk): Promise<Panel[]> {
  const found = await failingWrites(db, SHOWN);
  if (found.length === 0) return [];
  return [
    {
      lead: 'They are tried again by themselves, less and less often. An outage of the legacy store needs nothing; anything else has to be mended there or in `legacy` of the settings.',
      table: {
        label: 'Writes that came to nothing so far, the longest waiting first',
        head: ['About', 'What', 'Code', 'Tries', 'Since', 'Next try'],
        numbers: [3],
        rows: found.map(({ key, what, code, attempts, askedAt, dueAt }): CellOf[] => [
          key,
          what,
          code ? { code } : '',
          count(attempts),
          { at: askedAt },
          { at: dueAt },
        ]),
      },
    },
  ];
}

export async function webhooks({ db }: Desk, _who: Who, now: Date): Promise<Panel[]> {
  const late = (await waitingEvents(db)).filter(({ since }) => now.getTime() - since.getTime() > LATE_MS);
  if (late.length === 0) return [];
  return [
    {
      lead: 'A running server takes them within seconds. Does one run, and does the target answer it?',
      table: {
        label: 'Events of targets that nobody has dealt with',
        head: ['Target', 'Waiting', 'The oldest'],
        numbers: [1],
        rows: late.map(({ target, waiting, since }): CellOf[] => [target, count(waiting), { at: since }]),
      },
    },
  ];
}
