/** When people are reminded that their old login ends. */
import type { EnforcementRule } from './claim-settings.ts';
import { refusedFrom } from './enforcement.ts';

export interface DueReminder {
  /** Of the reminder (UTC), as 2026-03-01: it names the campaign. */
  readonly day: string;
  /** The last moment of the old login. */
  readonly until: Date;
}

const DAY_MS = 86_400_000;

/** The latest whose day has come; earlier ones that were missed are not made up for. None once the old login has ended. */
export function dueReminder(
  { remindDays, ...rule }: Pick<EnforcementRule, 'from' | 'graceDays' | 'remindDays'>,
  nowMs: number,
): DueReminder | undefined {
  const endMs = refusedFrom(rule).getTime();
  const due = remindDays.map((days) => endMs - days * DAY_MS).filter((atMs) => atMs <= nowMs);
  if (nowMs >= endMs || due.length === 0) return undefined;
  return { day: new Date(Math.max(...due)).toISOString().slice(0, 10), until: new Date(endMs - 1) };
}

/** Campaigns of operators are not named so. */
export const REMINDERS = 'remind:';

export const reminderName = (target: string, rule: string, day: string): string =>
  `${REMINDERS}${target}:${rule}:${day}`;
