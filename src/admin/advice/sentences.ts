/** Rules become sentences where what they rest on is so. */
import { count, percent } from '../survey/report-text.ts';
import type { Figures } from './figures.ts';
import type { Answers, QuestionName } from './questions.ts';
import type { Rule } from './rules.ts';

export interface Facts {
  readonly answers: Answers;
  /** Undefined where no survey was finished. */
  readonly figures: Figures | undefined;
  /** Calls at the target's API. */
  readonly perSecond: number;
}

export function sentencesOf(rules: readonly Rule[], facts: Facts): string[] {
  return rules.filter((rule) => applies(rule, facts)).map(({ say, figure }) => fill(say, figure, facts));
}

function applies({ when = {}, figure }: Rule, { answers, figures }: Facts): boolean {
  const given = Object.entries(when).every(([question, wanted]) => {
    const answer = answers[question as QuestionName];
    return answer !== undefined && [wanted].flat().includes(answer);
  });
  return given && (figure === undefined || (figures?.[figure] ?? 0) > 0);
}

function fill(say: string, figure: Rule['figure'], { figures, perSecond }: Facts): string {
  if (!figures || figure === undefined) return say;
  const n = figures[figure] ?? 0;
  return say
    .replace('{n}', figure === 'users' ? `${count(n)} people` : partOf(n, figures.users))
    .replace('{perSecond}', count(perSecond))
    .replace('{duration}', duration(n / perSecond));
}

const partOf = (n: number, users: number) => `${count(n)} of ${count(users)} people (${percent(n / users)})`;

const UNITS = [
  [86_400, 'days'],
  [3_600, 'hours'],
  [60, 'minutes'],
] as const;

function duration(seconds: number): string {
  const [size, unit] = UNITS.find(([length]) => seconds >= 2 * length) ?? [1, 'seconds'];
  return `${count(Math.max(1, Math.ceil(seconds / size)))} ${unit}`;
}
