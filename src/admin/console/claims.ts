/** How people come along with linking their own accounts at one target: links, letters, rules, organizations. */
import type { ClaimTokenSettings } from '../../migration/claim-tokens/claim-settings.ts';
import type { ClaimDay } from '../../migration/claim-tokens/claim-tokens.ts';
import { claimsByDay, listClaimTokens } from '../../migration/claim-tokens/claim-tokens.ts';
import { listLinks } from '../../migration/claim-tokens/organization-links.ts';
import { listCampaigns } from '../../migration/mailings/campaigns.ts';
import { campaignCounts, countMailings } from '../../migration/mailings/mailings.ts';
import { FIGURES, LETTERS, share } from '../claim-tokens/figures.ts';
import { pausedWords, rulesAt } from '../claim-tokens/rules-view.ts';
import { stepOf } from '../claim-tokens/token-text.ts';
import type { Desk } from '../operation.ts';
import type { Who } from '../perform.ts';
import { chartView } from './charts.ts';
import { known, valueOr } from './known.ts';
import { offer } from './offers.ts';
import { userHref } from './page.ts';
import type { CellOf, Panel, Tone } from './panels.ts';
import { count, counted } from './panels.ts';

const DAYS = 30;
const DAY_MS = 86_400_000;
/** Of each kind; the operations list them all. */
const SHOWN = 20;

interface Shown {
  readonly who: Who;
  readonly now: Date;
}

export async function targetPanels(desk: Desk, settings: ClaimTokenSettings, shown: Shown): Promise<Panel[]> {
  const { db } = desk;
  const { target } = settings;
  const [days, letters, rules, campaigns, tokens, links] = await Promise.all([
    known(claimsByDay(db, { target, days: DAYS })),
    known(campaignCounts(db, { target, days: DAYS })),
    known(rulesAt(db, settings, shown.now.getTime())),
    known(campaignRows(desk, target, shown)),
    known(listClaimTokens(db, { target }, SHOWN)),
    known(listLinks(db, { target }, SHOWN)),
  ]);
  return [
    {
      title: target,
      ...(days.isKnown
        ? figuresOf(days.value)
        : { notices: [{ tone: 'warn' as const, sentences: [days.why] }] }),
      ...(days.isKnown && days.value.length > 0
        ? { chart: chartView(chartOf(target, days.value, shown.now)) }
        : {}),
      facts: LETTERS.flatMap((name) => {
        const sum = valueOr(letters, []).reduce((all, row) => all + row[name], 0);
        return sum > 0 ? [[`Letters ${name}`, count(sum)] as const] : [];
      }),
      links: [
        ...offer(shown.who, {
          operation: 'claim invite',
          label: 'Invite people',
          input: { target },
          look: 'primary',
        }),
        ...offer(shown.who, { operation: 'claim issue', label: 'One link', input: { target } }),
        ...offer(shown.who, { operation: 'claim status', label: 'All figures', input: { target } }),
      ],
    },
    campaignsPanel(target, valueOr(campaigns, [])),
    ...(rules.isKnown ? rulesPanel(rules.value, shown.who) : []),
    ...organizationsPanel(target, valueOr(links, []), shown.who),
    ...tokensPanel(target, valueOr(tokens, [])),
  ];
}

function figuresOf(days: readonly ClaimDay[]): Pick<Panel, 'figures' | 'empty'> {
  const sum = (name: (typeof FIGURES)[number]) => days.reduce((all, row) => all + row[name], 0);
  const issued = sum('issued');
  if (issued === 0) return { empty: { sentence: `No link was made within ${DAYS} days.` } };
  return {
    figures: FIGURES.map((name) => ({
      label: name,
      value: count(sum(name)),
      note: name === 'issued' ? `within ${DAYS} days` : `${share(sum(name), issued)} of those`,
      ...(name === 'claimed' ? { tone: 'ok' as const } : {}),
    })),
  };
}

function chartOf(target: string, days: readonly ClaimDay[], now: Date) {
  const first = Date.parse(days[0]!.day);
  const length = Math.min(DAYS + 1, Math.floor((now.getTime() - first) / DAY_MS) + 1);
  const byDay = new Map(days.map((one) => [one.day, one]));
  const dates = Array.from({ length: Math.max(1, length) }, (_, index) => new Date(first + index * DAY_MS));
  const of = (pick: (one: ClaimDay) => number) =>
    dates.map((date) => {
      const one = byDay.get(date.toISOString().slice(0, 10));
      return one ? pick(one) : 0;
    });
  return {
    title: `Links for ${target} by the day on which they were made`,
    caption: 'How many of each day’s links were claimed, opened and left, or never opened.',
    kind: 'bars' as const,
    x: dates.map((date) => date.getTime() / 1_000),
    series: [
      { name: 'claimed', values: of(({ claimed }) => claimed) },
      { name: 'opened, not claimed', values: of(({ opened, claimed }) => Math.max(0, opened - claimed)) },
      {
        name: 'not opened',
        values: of(({ issued, opened, claimed }) => Math.max(0, issued - Math.max(opened, claimed))),
      },
    ],
    unit: 'count' as const,
  };
}

async function campaignRows({ db }: Desk, target: string, { who }: Shown): Promise<CellOf[][]> {
  const campaigns = await listCampaigns(db, target, SHOWN);
  return Promise.all(
    campaigns.map(async ({ campaign, begunAt, lastSentAt }): Promise<CellOf[]> => {
      const counts = valueOr(await known(countMailings(db, campaign)), []);
      const of = (state: string) =>
        counts.filter((one) => one.state === state).reduce((sum, { users }) => sum + users, 0);
      const bad = of('failed') + of('unsure');
      return [
        { text: campaign },
        { at: begunAt },
        lastSentAt ? { at: lastSentAt } : 'nothing yet',
        count(of('sent')),
        count(of('waiting') + of('sending')),
        bad > 0
          ? {
              badge: { text: count(bad), tone: 'bad' },
              note: counts
                .flatMap(({ state, code }) =>
                  (state === 'failed' || state === 'unsure') && code ? [code] : [],
                )
                .join(', '),
            }
          : '0',
        { links: offer(who, { operation: 'claim status', label: 'Figures', input: { target, campaign } }) },
      ];
    }),
  );
}

const campaignsPanel = (target: string, rows: readonly CellOf[][]): Panel => ({
  title: `Campaigns of letters for ${target}`,
  ...(rows.length > 0
    ? {
        table: {
          label: 'Campaigns, the last active first',
          head: ['Campaign', 'Begun', 'Last letter', 'Sent', 'Waiting', 'Failed or unsure', ''],
          numbers: [3, 4, 5],
          rows,
        },
      }
    : {
        empty: {
          sentence: 'No campaign has written to anybody yet.',
          command: `footbridge claim invite --target ${target} --campaign NAME`,
        },
      }),
});

const PHASES: Readonly<Record<string, Tone>> = {
  'to come': 'quiet',
  asks: 'warn',
  refuses: 'bad',
  paused: 'warn',
};

function rulesPanel(
  { target, rules, excepted, leftOver }: Awaited<ReturnType<typeof rulesAt>>,
  who: Who,
): Panel[] {
  if (rules.length === 0 && leftOver.length === 0) return [];
  return [
    {
      title: `Rules by which old logins end at ${target}`,
      notices: leftOver.map((rule) => ({
        tone: 'warn' as const,
        sentences: [`The rule ${rule} is paused, and the settings have it no more.`],
      })),
      table: {
        label: 'Rules in the order in which they are asked',
        head: ['Rule', 'Now', 'Asks from', 'Refuses from', 'Who', ''],
        rows: rules.map((one): CellOf[] => [
          one.rule,
          {
            badge: { text: one.phase, tone: PHASES[one.phase] ?? 'quiet' },
            ...(one.paused ? { note: pausedWords(one)[0] ?? '' } : {}),
          },
          { at: one.from },
          { at: one.refusedFrom },
          one.who,
          { links: offer(who, { operation: 'claim rules', label: 'Pause or resume', input: { target } }) },
        ]),
        ...(excepted > 0 ? { more: `${counted(excepted, 'person is', 'people are')} excepted.` } : {}),
      },
    },
  ];
}

function organizationsPanel(target: string, links: Awaited<ReturnType<typeof listLinks>>, who: Who): Panel[] {
  if (links.length === 0) return [];
  return [
    {
      title: `Organizations at ${target}`,
      links: offer(who, { operation: 'claim organizations', label: 'All of them', input: { target } }),
      table: {
        label: 'Linked organizations, newest first',
        head: ['Organization', 'At the target', 'State', 'By', 'Linked', ''],
        rows: links.map(
          ({ organization, name, targetOrganizationId, state, ownerSub, linkedAt, problem }): CellOf[] => [
            { text: name ?? organization, note: organization },
            { code: targetOrganizationId },
            {
              badge: problem
                ? { text: 'cannot be read', tone: 'bad' }
                : { text: state, tone: state === 'linked' ? 'ok' : 'quiet' },
            },
            { text: ownerSub, href: userHref(ownerSub) },
            { at: linkedAt },
            state === 'linked'
              ? {
                  links: offer(who, {
                    operation: 'claim unlink',
                    label: 'Unlink',
                    input: { target, organization },
                  }),
                }
              : '',
          ],
        ),
      },
    },
  ];
}

const STATES: Readonly<Record<string, Tone>> = {
  open: 'warn',
  claimed: 'ok',
  revoked: 'quiet',
  expired: 'quiet',
};

function tokensPanel(target: string, tokens: Awaited<ReturnType<typeof listClaimTokens>>): Panel[] {
  if (tokens.length === 0) return [];
  return [
    {
      title: `The newest links for ${target}`,
      table: {
        label: 'Links, newest first',
        head: ['Who', 'For', 'How far', 'Made', 'Good until', 'Last failure'],
        rows: tokens.map((token): CellOf[] => [
          { text: token.sub, href: userHref(token.sub) },
          token.organization ?? 'their account',
          { badge: { text: stepOf(token), tone: STATES[token.state] ?? 'quiet' } },
          { at: token.issuedAt },
          { at: token.expiresAt },
          token.failure ?? '',
        ]),
      },
    },
  ];
}
