/** Which words a page says: its heading, its title, and the notice when something went wrong. */
import type { ClaimProblemPage, ErrorKind, ErrorPage, Locale, LoginProblem, Page } from './page.ts';
import type { Catalogue, TextKey } from './theme.ts';

export type Translate = (key: TextKey, values?: Readonly<Record<string, string>>) => string;

/** One pass, so that a value which looks like a placeholder stays what it is. An unknown key is a template's mistake. */
export function translator(catalogue: Catalogue): Translate {
  return (key, values = {}) => {
    if (!Object.hasOwn(catalogue, key)) throw new TypeError(`there is no text "${key}"`);
    return parts(catalogue[key], values)
      .map(({ text }) => text)
      .join('');
  };
}

interface PartOfText {
  readonly text: string;
  readonly isValue: boolean;
}

/** A text cut at its placeholders; one without a value stays what it is. */
export function parts(text: string, values: Readonly<Record<string, string>>): PartOfText[] {
  return text.split(/(\{\w+\})/).map((piece) => {
    const value = /^\{\w+\}$/.test(piece) ? values[piece.slice(1, -1)] : undefined;
    return { text: value ?? piece, isValue: value !== undefined };
  });
}

export interface Wording {
  readonly heading: string;
  /** Of the document: the problem first, because that is what a screen reader says first. */
  readonly title: string;
  readonly notice: Notice | undefined;
}

export interface Notice {
  readonly title: string;
  readonly sentences: readonly string[];
}

type Problem =
  | ErrorKind
  | 'wrong'
  | 'code_wrong'
  | 'recovery_wrong'
  | 'passkey_wrong'
  | 'factor_unusable'
  | 'form_expired';

/** Problems that pass by themselves: they say when to try again. */
const PASSING: ReadonlySet<Problem> = new Set<Problem>([
  'throttled',
  'locked',
  'legacy_down',
  'storage_down',
  'overloaded',
  'internal',
]);

/** Problems that only a new start solves. */
const STALE: ReadonlySet<Problem> = new Set<Problem>(['expired', 'no_cookies', 'not_found']);

/** Says where a long word of a page may be parted; a title is never parted. */
const SOFT_HYPHEN = '\u00ad';

export function wording(page: Page, site: { name: string; locale: Locale; t: Translate }): Wording {
  const { name, locale, t } = site;
  const notice = noticeOf(page, { locale, t });
  const heading = headingOf(page, t);
  const title = [...new Set([...(notice ? [notice.title] : []), heading, name])]
    .join(' – ')
    .replaceAll(SOFT_HYPHEN, '');
  return { heading, title, notice };
}

function headingOf(page: Page, t: Translate): string {
  switch (page.page) {
    case 'error':
      return t(`problem.${page.kind}.title`);
    case 'claim-problem':
      return t(`claim-problem.${page.problem}.title`);
    case 'claim-needed':
      return t(`claim-needed.heading.${page.kind}`, { target: page.targetName });
    case 'claim':
    case 'claim-confirm':
    case 'claim-done':
      return t(page.organization ? `${page.page}.heading.organization` : `${page.page}.heading`);
    default:
      return t(`${page.page}.heading`);
  }
}

function noticeOf(page: Page, { locale, t }: { locale: Locale; t: Translate }): Notice | undefined {
  if (page.page === 'claim-problem') return claimNotice(page, t);
  const problem = problemOf(page);
  if (!problem) return undefined;
  const sentences = [t(`problem.${problem}.text`)];
  if (PASSING.has(problem)) sentences.push(waitSentence(page, { locale, t }));
  if (STALE.has(problem) && page.page === 'error' && page.backHref === undefined)
    sentences.push(t('error.restart'));
  return { title: t(`problem.${problem}.title`), sentences };
}

function claimNotice({ problem, targetName }: ClaimProblemPage, t: Translate): Notice {
  const target = targetName ?? t('claim-problem.there');
  return {
    title: t(`claim-problem.${problem}.title`),
    sentences: [t(`claim-problem.${problem}.text`, { target })],
  };
}

const LOGIN_PROBLEMS: Readonly<Record<LoginProblem, Problem>> = {
  wrong: 'wrong',
  throttled: 'throttled',
  locked: 'locked',
  legacy_down: 'legacy_down',
  overloaded: 'overloaded',
  cookies: 'no_cookies',
  expired: 'form_expired',
  factor_unusable: 'factor_unusable',
};

function problemOf(page: Page): Problem | undefined {
  if (page.page === 'error') return page.kind;
  if (page.page === 'login') return page.problem && LOGIN_PROBLEMS[page.problem];
  if (page.page === 'code' || page.page === 'recovery' || page.page === 'passkey')
    return page.problem === 'wrong' ? `${page.page}_wrong` : page.problem;
  return undefined;
}

function waitSentence(page: Page, { locale, t }: { locale: Locale; t: Translate }): string {
  const seconds = 'retryAfterSeconds' in page ? page.retryAfterSeconds : undefined;
  return seconds === undefined ? t('wait.later') : t('wait.until', { when: fromNow(seconds, locale) });
}

const MAX_HOURS = 24;

/** "in 30 seconds", "in 2 minutes": rounded up, so that nobody comes too early; never more than a day. */
function fromNow(seconds: number, locale: Locale): string {
  const format = new Intl.RelativeTimeFormat(locale);
  const whole = Number.isFinite(seconds) ? Math.max(1, Math.ceil(seconds)) : 60;
  if (whole < 60) return format.format(whole, 'second');
  if (whole < 3600) return format.format(Math.ceil(whole / 60), 'minute');
  return format.format(Math.min(MAX_HOURS, Math.ceil(whole / 3600)), 'hour');
}

/** The word on an error page's button. */
export function backKey({ kind }: ErrorPage): TextKey {
  if (PASSING.has(kind)) return 'error.retry';
  return STALE.has(kind) ? 'error.start' : 'error.back';
}
