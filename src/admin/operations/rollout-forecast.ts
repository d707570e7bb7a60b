import { z } from 'zod';
import { forecastAgainst, keepForecast } from '../../rollout/forecast-kept.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { sectionsText } from '../batch/sections.ts';
import type { ForecastOutput } from '../forecast/forecast-text.ts';
import { forecastPage, forecastSections } from '../forecast/forecast-text.ts';
import { forecastFor, USUAL } from '../forecast/foreseeing.ts';
import { defineOperation } from '../operation.ts';
import { targetOf, whichTarget } from '../rollout/rollout-desk.ts';

/** Five years: beyond them nobody knows anything of anybody. */
const MAX_DAYS = 1_825;
const { campaign } = USUAL;
const share = (usual: number, what: string) => z.coerce.number().min(0).max(1).default(usual).describe(what);
const money = (usual: number, what: string) =>
  z.coerce.number().min(0).max(1_000_000).default(usual).describe(what);

export const rolloutForecast = defineOperation({
  name: 'rollout forecast',
  summary:
    'Says when who is expected at the target: by date, phase, segment and app, with bounds, from when people logged in last and from what has happened; who may never come, what writing to them costs, and when the legacy store can go.',
  input: z.strictObject({
    target: whichTarget,
    goal: z.coerce
      .number()
      .gt(0)
      .max(1)
      .default(USUAL.goal)
      .describe('Of all people: how many have to be at the target before the legacy store goes.'),
    horizonDays: z.coerce
      .number()
      .int()
      .min(28)
      .max(MAX_DAYS)
      .default(USUAL.horizonDays)
      .describe('So far ahead is looked.'),
    costPerMail: money(campaign.costPerMail, 'What a letter to somebody who has not come costs.'),
    supportShare: share(campaign.supportShare, 'Of those who are written to: how many ask the support.'),
    costPerRequest: money(campaign.costPerRequest, 'What such a request costs.'),
    answerShare: share(
      campaign.answerShare,
      'Of those who are written to: how many do what the letter says.',
    ),
    campaignDays: z.coerce
      .number()
      .int()
      .min(1)
      .max(365)
      .default(campaign.days)
      .describe('How long people have, reminders included.'),
    keep: z
      .boolean()
      .optional()
      .describe('Keeps it, so that it can be held against what comes; once a week that happens by itself.'),
  }),
  changes: false,
  // It counts everybody, and may write something down.
  role: 'operator',
  async run({ db, actor }, { target: named, goal, horizonDays, keep, campaignDays, ...costs }) {
    const target = await targetOf({ db }, named);
    const asked = { goal, horizonDays, campaign: { ...costs, days: campaignDays } };
    const forecast = await forecastFor({ db }, target, asked);
    const { days, happened } = await forecastAgainst(db, target, { limit: 0, nowMs: Date.now() });
    const output = {
      forecast,
      happened: days.flatMap((day, i) => (happened[i] == null ? [] : [{ day, share: happened[i] }])),
    };
    if (!keep) return output;
    const kept = await db.transaction(async (tx) => {
      const id = await keepForecast(tx, forecast, actor);
      await appendAudit(tx, { actor, action: 'rollout.forecast-kept', detail: { target, forecast: id } });
      return id;
    });
    return { ...output, kept } satisfies ForecastOutput;
  },
  print: (output: ForecastOutput) => sectionsText(forecastSections(output)),
  page: (output: ForecastOutput) => forecastPage(output),
});
