/** Sends the notices that are due, one after the other. */
import type { Mailer, SendOutcome } from '../../mail/mailer.ts';
import { noteClaim } from './claim-tokens.ts';
import type { NoticeLetterDeps } from './notice-letter.ts';
import { lookUpNotice, NOTICE_ACTOR } from './notice-letter.ts';
import type { DueNotice, NoticeEnd, NoticeProblem } from './notices.ts';
import { beginNotice, dueNotice, finishNotice, postponeNotice } from './notices.ts';

export interface NoticesDeps extends NoticeLetterDeps {
  /** Undefined where the settings have no `mail`: nobody is written to, and nothing waits for ever. */
  readonly mailer: Mailer | undefined;
}

export interface Notices {
  /** Whatever is due, as far as it can be sent now. How many were looked at. Throws storage_unavailable. */
  round(): Promise<number>;
}

/** At the usual pace, less than a minute; the next round goes on. */
const MAX_PER_ROUND = 50;
const MAX_ATTEMPTS = 6;
/** One minute, five, twenty-five, two hours, ten: whoever waits for a link gets it soon, and half a day's outage loses none. */
const FIRST_DELAY_SECONDS = 60;
const DELAY_GROWS_BY = 5;

export function openNotices(deps: NoticesDeps): Notices {
  return {
    async round() {
      let done = 0;
      while (done < MAX_PER_ROUND) {
        const due = await dueNotice(deps.db);
        if (!due) break;
        done += 1;
        // The others would find the same, and use up their tries.
        if (!(await settled(deps, due))) break;
      }
      return done;
    },
  };
}

/** False: nobody can be written to at the moment. */
async function settled(deps: NoticesDeps, due: DueNotice): Promise<boolean> {
  const { mailer } = deps;
  if (due.state === 'sending') return end(deps, due, { state: 'unsure', problem: { code: 'process_ended' } });
  if (!mailer) return end(deps, due, { state: 'skipped', problem: { code: 'no_mail' } });
  const look = await lookUpNotice(deps, mailer, due);
  if (look.kind === 'skip') return end(deps, due, { state: 'skipped', problem: { code: look.code } });
  if (look.kind === 'failed') return end(deps, due, { state: 'failed', problem: { code: look.code } });
  if (look.kind === 'unavailable') return later(deps, due, { code: look.code }).then(() => false);
  if (!(await beginNotice(deps.db, due))) return true;
  const outcome = await mailer.send(look.message);
  if (outcome.kind === 'sent' && look.tokenId) await noteClaim(deps.db, look.tokenId, 'sent');
  return told(deps, due, outcome);
}

async function told(deps: NoticesDeps, due: DueNotice, outcome: SendOutcome): Promise<boolean> {
  if (outcome.kind === 'sent') return end(deps, due, { state: 'sent' });
  const problem = { code: `mail_${outcome.kind}`, detail: outcome.code };
  if (outcome.kind === 'refused') return end(deps, due, { state: 'failed', problem });
  if (outcome.kind === 'unsure') return end(deps, due, { state: 'unsure', problem });
  await later(deps, due, problem);
  return outcome.kind === 'later';
}

async function later(deps: NoticesDeps, due: DueNotice, problem: NoticeProblem): Promise<void> {
  const { attempts } = due;
  if (attempts + 1 >= MAX_ATTEMPTS) await end(deps, due, { state: 'failed', problem });
  else {
    const seconds = FIRST_DELAY_SECONDS * DELAY_GROWS_BY ** attempts;
    await postponeNotice(deps.db, due, { seconds, problem });
  }
}

async function end(
  { db, pseudonym }: NoticesDeps,
  due: DueNotice,
  how: Pick<NoticeEnd, 'state' | 'problem'>,
): Promise<true> {
  await finishNotice(db, due, { ...how, actor: NOTICE_ACTOR, subject: pseudonym(due.sub) });
  return true;
}
