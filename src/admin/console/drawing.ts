/** What templates call to write numbers, times and links. Everything here is text that the template escapes, except `json`. */
import { doHref, userHref } from './page.ts';
import { actorWords } from './words.ts';

const NUMBER = new Intl.NumberFormat('en-GB');
const SHORT = new Intl.NumberFormat('en-GB', { notation: 'compact', maximumFractionDigits: 1 });
const DAY = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' });
const CLOCK = new Intl.DateTimeFormat('en-GB', { timeStyle: 'short', timeZone: 'UTC' });
const RELATIVE = new Intl.RelativeTimeFormat('en-GB', { numeric: 'always' });

/** Whatever a row or a JSON may hold of a time. */
export type When = Date | string | number | null | undefined;

const dateOf = (when: When): Date | undefined => {
  if (when === null || when === undefined || when === '') return undefined;
  const date = new Date(when);
  return Number.isNaN(date.getTime()) ? undefined : date;
};

const NOTHING = '–';
const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const;

function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return NOTHING;
  const whole = Math.round(seconds);
  const at = UNITS.findIndex(([, size]) => whole >= size);
  if (at < 0) return `${whole} s`;
  const [, size] = UNITS[at]!;
  const smaller = UNITS[at + 1]?.[1] ?? 1;
  const names = ['d', 'h', 'min', 's'];
  const [big, rest] = [Math.floor(whole / size), Math.floor((whole % size) / smaller)];
  return `${NUMBER.format(big)} ${names[at]}${rest > 0 ? ` ${rest} ${names[at + 1]}` : ''}`;
}

const number = (value: number | bigint | string | null | undefined): string =>
  value === null || value === undefined || value === '' || Number.isNaN(Number(value))
    ? NOTHING
    : NUMBER.format(typeof value === 'bigint' ? value : Number(value));

/** Of `whole`, or a share between 0 and 1. Never 100 % while something is left, never 0 % where something is. */
function percent(part: number | null | undefined, whole = 1): string {
  if (part === null || part === undefined || !Number.isFinite(part) || whole <= 0) return NOTHING;
  const share = (part / whole) * 100;
  if (share > 99.9 && share < 100) return '99.9 %';
  if (share > 0 && share < 0.1) return '0.1 %';
  return `${share.toLocaleString('en-GB', { maximumFractionDigits: share >= 10 && Number.isInteger(share) ? 0 : 1 })} %`;
}

const day = (when: When): string => {
  const date = dateOf(when);
  return date ? DAY.format(date) : NOTHING;
};

/** Times are UTC everywhere: what several people look at together has to read the same. */
const moment = (when: When): string => {
  const date = dateOf(when);
  return date ? `${DAY.format(date)}, ${CLOCK.format(date)} UTC` : NOTHING;
};

const isoOf = (when: When): string => dateOf(when)?.toISOString() ?? '';

function ago(when: When, now: Date): string {
  const date = dateOf(when);
  if (!date) return 'never';
  const seconds = (date.getTime() - now.getTime()) / 1_000;
  const [unit, size] = UNITS.find(([, one]) => Math.abs(seconds) >= one) ?? [];
  if (unit === undefined || size === undefined) return seconds > 0 ? 'in a moment' : 'just now';
  return RELATIVE.format(Math.trunc(seconds / size), unit);
}

/** HTML: data for a `<script type="application/json">`, out of which nothing in it can break. */
const json = (value: unknown): string =>
  JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (one) => {
    const code = one.charCodeAt(0).toString(16).padStart(4, '0');
    return `\\u${code}`;
  });

/** Only paths of our own and web addresses: `javascript:` and its like lead nowhere. */
function href(url: string): string {
  if (/^\/(?![/\\])[^\u0000-\u0020]*$/.test(url)) return url;
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol) ? url : '#';
}

const compact = (value: number | null | undefined): string =>
  value === null || value === undefined ? NOTHING : SHORT.format(value);

/** By these names in every template. */
export const drawingCalls = (now: Date) => ({
  number,
  compact,
  percent,
  duration,
  day,
  moment,
  isoOf,
  ago: (when: When) => ago(when, now),
  json,
  href,
  doHref,
  userHref,
  actorWords,
});

export const DRAWING_NAMES = [
  'number',
  'compact',
  'percent',
  'duration',
  'day',
  'moment',
  'isoOf',
  'ago',
  'json',
  'href',
  'doHref',
  'userHref',
  'actorWords',
] as const satisfies readonly (keyof ReturnType<typeof drawingCalls>)[];
