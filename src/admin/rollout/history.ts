/** What became of a plan, from its versions and its steps. */
import type { PlanRow } from '../../rollout/phases.ts';
import { stepsOf } from '../../rollout/steps.ts';
import type { Section } from '../batch/sections.ts';
import { minute } from '../claim-tokens/claim-desk.ts';
import type { Desk } from '../operation.ts';

export interface Happened {
  readonly at: Date;
  readonly actor: string;
  /** As the audit log has it: `rollout.paused`. */
  readonly action: string;
  /** The phase, or what was switched. */
  readonly what: string;
  readonly reason: string | null;
}

export interface HistoryOutput {
  readonly target: string;
  readonly versions: readonly Omit<PlanRow, 'plan' | 'source'>[];
  /** Of the one that was asked for. */
  readonly source: string | null;
  readonly steps: readonly Happened[];
}

/** The newest first. */
export const happened = async (
  { db }: Pick<Desk, 'db'>,
  target: string,
  limit: number,
): Promise<Happened[]> =>
  (await stepsOf(db, target, limit)).map(({ at, actor, action, detail }) => ({
    at,
    actor,
    action,
    what: whatOf(detail),
    reason: textOf(detail.reason) || null,
  }));

type Detail = Readonly<Record<string, unknown>>;
const textOf = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : '';

function whatOf({ phase, attempt, kind, name, requests, version }: Detail): string {
  if (version !== undefined) return `version ${textOf(version)}`;
  if (kind !== undefined) return [textOf(kind), textOf(name)].filter((word) => word !== '').join(' ');
  if (requests !== undefined) return `${textOf(requests)} requests${phase ? `, ${textOf(phase)}` : ''}`;
  return Number(attempt) > 1 ? `${textOf(phase)}, attempt ${textOf(attempt)}` : textOf(phase);
}

export function historySections({ target, versions, steps, source }: HistoryOutput): Section[] {
  const rows = versions.map(({ version, at, actor, note }) => [
    String(version),
    minute(at),
    actor,
    note ?? '',
  ]);
  const stepRows = steps.map(({ at, actor, action, what, reason }) => [
    minute(at),
    action.replace('rollout.', ''),
    what,
    actor,
    reason ?? '',
  ]);
  return [
    { title: `Plans for ${target}`, table: { head: ['version', 'at', 'by', 'note'], rows } },
    ...(source === null
      ? [
          stepRows.length > 0
            ? { title: 'Steps', table: { head: ['at', 'step', 'what', 'by', 'why'], rows: stepRows } }
            : { title: 'Steps', text: ['Nothing has happened yet.'] },
        ]
      : [{ title: 'As it was written', code: source }]),
  ];
}
