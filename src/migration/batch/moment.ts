/** Moments as operators write them: a date, a date with a time, or how long ago. */

const AGE = /^(\d{1,5})([hdwy])$/;
const SECONDS = { h: 3_600, d: 86_400, w: 7 * 86_400, y: 365 * 86_400 } as const;
/** ISO 8601 as RFC 3339 has it; a date alone begins at midnight UTC. */
const DATE = /^(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2}))?$/;

export function checkMoment(text: string): boolean {
  if (AGE.test(text)) return true;
  const [, day] = DATE.exec(text) ?? [];
  if (day === undefined || Number.isNaN(Date.parse(text))) return false;
  // The 31st of February would be the 3rd of March.
  const read = Date.parse(day);
  return !Number.isNaN(read) && new Date(read).toISOString().startsWith(day);
}

/** Seconds since the epoch of what `checkMoment` has accepted. */
export function momentOf(text: string, nowSeconds: number): number {
  const [, count, unit] = AGE.exec(text) ?? [];
  if (count === undefined) return Date.parse(text) / 1_000;
  return nowSeconds - Number(count) * SECONDS[unit as keyof typeof SECONDS];
}

/** `90d` → `90 days`; a date stays as it is. */
export function momentWords(text: string): { readonly text: string; readonly isAge: boolean } {
  const [, count, unit] = AGE.exec(text) ?? [];
  if (count === undefined) return { text, isAge: false };
  const name = { h: 'hour', d: 'day', w: 'week', y: 'year' }[unit as keyof typeof SECONDS];
  return { text: `${Number(count)} ${name}${Number(count) === 1 ? '' : 's'}`, isAge: true };
}
