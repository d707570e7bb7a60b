/**
 * One person's story: what the audit log says of them, and what other tables know the moment of, in one order of time. It is
 * read in pages of the log; what else happened stands on the page of its time.
 */
import { listClaimTokens } from '../../../migration/claim-tokens/claim-tokens.ts';
import type { ToldRecipient } from '../../../sessions/ending/deliveries.ts';
import { deliveriesOf } from '../../../sessions/ending/deliveries.ts';
import type { ListedEnding } from '../../../sessions/ending/endings.ts';
import { endingsOfPerson } from '../../../sessions/ending/endings.ts';
import { legacySessionsOfPerson } from '../../../sessions/registry.ts';
import { targetSessionsOfPerson } from '../../../sessions/target-sessions.ts';
import type { AuditEntry } from '../../../store/audit-log.ts';
import { auditPage } from '../../../store/audit-pages.ts';
import { storyOf } from '../../claim-tokens/token-text.ts';
import type { Desk } from '../../operation.ts';
import type { Who } from '../../perform.ts';
import { offer } from '../offers.ts';
import { userHref } from '../page.ts';
import type { Happening, Panel, Tone } from '../panels.ts';
import { folded } from '../panels.ts';
import { actorWords, CONFLICTS, exactly, wordsOf } from '../words.ts';
import type { Gathered } from './gathering.ts';

/** A page of the log. */
const RECORDS = 50;
/** Of each other kind, newest first: what is older than these, the log still tells. */
const OTHERS = 50;
const ENDINGS = 20;

export interface Asked {
  readonly who: Who;
  readonly query: URLSearchParams;
}

const ID = /^\d{1,18}$/;
const idIn = (query: URLSearchParams, name: string): string | undefined => {
  const value = query.get(name) ?? '';
  return ID.test(value) ? value : undefined;
};

export async function storyPanel(desk: Desk, gathered: Gathered, { who, query }: Asked): Promise<Panel> {
  const { sub } = gathered;
  const [before, after] = [idIn(query, 'before'), idIn(query, 'after')];
  const [page, others] = await Promise.all([
    auditPage(desk, { sub, before, after, limit: RECORDS }),
    othersOf(desk, gathered, who),
  ]);
  const { entries, older, newer } = page;
  const from = older === undefined ? -Infinity : (entries.at(-1)?.at.getTime() ?? -Infinity);
  // What came after the newest record of an older page stood on the page before it.
  const until = newer === undefined ? Infinity : (entries[0]?.at.getTime() ?? Infinity);
  const within = others.filter(({ at }) => at.getTime() > from && at.getTime() <= until);
  const timeline = [...entries.map(happening), ...within].toSorted((a, b) => b.at.getTime() - a.at.getTime());
  const to = (name: string, id: string | undefined) =>
    id === undefined ? {} : { [name === 'before' ? 'older' : 'newer']: `${userHref(sub)}?${name}=${id}` };
  return {
    title: 'What happened',
    lead: 'Newest first. Times are UTC.',
    ...(timeline.length > 0
      ? { timeline: folded(timeline) }
      : { empty: { sentence: 'Nothing has happened to them here yet.' } }),
    pager: { ...to('before', older), ...to('after', newer) },
  };
}

export function happening(entry: AuditEntry): Happening {
  const { tone, title } = wordsOf(entry);
  return { at: entry.at, tone, title, lines: [`By ${actorWords(entry.actor)}`], detail: exactly(entry) };
}

/** Whatever has a moment and no record of its own. */
async function othersOf(
  desk: Desk,
  { sub, targets, sync, batches }: Gathered,
  who: Who,
): Promise<Happening[]> {
  const { db } = desk;
  const [endings, tokens, atApps, atTargets] = await Promise.all([
    endingsOfPerson(db, sub, ENDINGS),
    listClaimTokens(db, { sub }, OTHERS),
    legacySessionsOfPerson(db, sub, OTHERS),
    targetSessionsOfPerson(db, sub, OTHERS),
  ]);
  const told = await Promise.all(endings.map(({ id }) => deliveriesOf(db, id)));
  const plain = (at: Date | null, tone: Tone, title: string, lines: readonly string[] = []): Happening[] =>
    at ? [{ at, tone, title, lines }] : [];
  return [
    ...targets.flatMap(({ target, assignments }) =>
      assignments.flatMap(({ phase, segment, assignedAt, back, backAt }) => [
        ...plain(assignedAt, 'quiet', `Was assigned to the phase ${phase} for ${target}`, [
          segment ? `By the segment ${segment}` : 'As everybody',
        ]),
        ...plain(backAt, 'warn', `Their way back with the phase ${phase}: ${back}`),
      ]),
    ),
    ...endings.map((ending, index) => endingHappening(ending, told[index] ?? [], who)),
    ...tokens.flatMap((token) =>
      storyOf(token)
        .filter(({ what }) => what !== 'issued' && what !== 'claimed')
        .map(({ at, what, words }) => ({
          at,
          tone: what === 'failed' ? ('bad' as const) : ('quiet' as const),
          title: `A link for ${token.target}: ${words}`,
          lines: [`Link ${token.id}`],
        })),
    ),
    ...atApps.flatMap(({ app, origin, createdAt, problem }) =>
      plain(
        createdAt,
        problem ? 'warn' : 'quiet',
        problem
          ? `No session could be made at ${app}`
          : `A session at ${app} was ${origin === 'recognised' ? 'recognised' : 'made'}`,
        problem ? [problem] : [],
      ),
    ),
    ...atTargets.flatMap(({ target, startedAt, endedAt }) => [
      ...plain(startedAt, 'quiet', `A session at ${target} began`),
      ...plain(endedAt, 'quiet', `A session at ${target} ended`),
    ]),
    ...(sync.isKnown ? sync.value : []).flatMap(({ target, conflicts }) =>
      conflicts.flatMap(({ field, kind, at, decided, decidedBy }) =>
        plain(at, decided ? 'quiet' : 'warn', `Both sides had changed ${field} (${target})`, [
          decided ? `${decided} was kept, by ${decidedBy ?? 'a rule'}` : CONFLICTS[kind],
        ]),
      ),
    ),
    ...batches.flatMap(({ batch, outcome, problem, finishedAt }) =>
      plain(
        finishedAt,
        outcome === 'failed' ? 'bad' : 'ok',
        `The batch ${batch} was done with them: ${outcome}`,
        [...(problem ? [`${problem.code}: ${problem.sentence}`] : [])],
      ),
    ),
  ];
}

const TOLD: Readonly<Record<ToldRecipient['state'], string>> = {
  done: 'told',
  'under-way': 'being told',
  later: 'not told yet',
  failed: 'given up',
};

function endingHappening(ending: ListedEnding, told: readonly ToldRecipient[], who: Who): Happening {
  const { cause, actor, scope, ended, createdAt } = ending;
  const failed = told.filter(({ state }) => state === 'failed');
  return {
    at: createdAt,
    tone: failed.length > 0 ? 'bad' : 'quiet',
    title: `${scope === 'person' ? 'All their sessions' : 'A session'} ended: ${cause}`,
    lines: [
      `By ${actorWords(actor)}; ${ended.opSessions} here, ${ended.legacySessions} at apps, ${ended.targetSessions} at targets`,
      ...(told.length > 0
        ? [told.map(({ kind, name, state }) => `${kind} ${name}: ${TOLD[state]}`).join('; ')]
        : []),
    ],
    links: failed.flatMap(({ kind, name }) =>
      offer(who, { operation: 'delivery retry', label: `Tell ${name} again`, input: { kind, name } }),
    ),
  };
}
