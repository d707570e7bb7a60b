/** Goes through the steps of a target's setup, or back through what is recorded of it. Without `execute` it only looks. */
import { FootbridgeError, isFootbridgeError } from '../errors.ts';
import type { Resource } from './resources.ts';
import { forgetResource, resourcesOf } from './resources.ts';
import type { Check, Finding, Present, Setup, SetupDeps, Step } from './setup.ts';

export interface RunOptions {
  readonly execute: boolean;
}

/** `waits`: something that it needs was not made. */
export type StepOutcome = 'there' | 'to-do' | 'done' | 'by-hand' | 'failed' | 'waits';

export interface StepResult {
  readonly id: string;
  readonly what: string;
  readonly why: string;
  readonly outcome: StepOutcome;
  /** How it was before. */
  readonly present?: Present;
  /** Why it failed, or what it waits for. */
  readonly problem?: string;
}

/** Some targets show what was written only after a moment. */
const LOOKS = 10;
const BETWEEN_LOOKS_MS = 300;

/** A step that fails leaves the rest to be done; what needs it waits for the next run. */
export async function runSteps(steps: readonly Step[], { execute }: RunOptions): Promise<StepResult[]> {
  const results = new Map<string, StepResult>();
  for (const step of steps) {
    const { id, what, why } = step;
    const awaited = step.needs?.find((need) => !isDone(results.get(need), execute));
    const told = awaited
      ? { outcome: 'waits' as const, problem: `waits for ${awaited}` }
      : await runStep(step, execute);
    results.set(id, { id, what, why, ...told });
  }
  return [...results.values()];
}

function isDone(result: StepResult | undefined, execute: boolean): boolean {
  if (!result) return true;
  return result.outcome === 'there' || result.outcome === (execute ? 'done' : 'to-do');
}

type Told = Pick<StepResult, 'outcome' | 'present' | 'problem'>;

async function runStep(step: Step, execute: boolean): Promise<Told> {
  let present: Present | undefined;
  try {
    present = await step.look();
    if (present.state === 'same') return { outcome: 'there', present };
    if (present.state === 'by-hand') return { outcome: 'by-hand', present };
    if (!execute) return { outcome: 'to-do', present };
    await step.apply();
    return { present, ...(await lookAgain(step)) };
  } catch (error) {
    return { outcome: 'failed', ...(present && { present }), problem: sentenceOf(error) };
  }
}

/** What was written is read back: a target may take a setting and lose it without a word. */
async function lookAgain(step: Step): Promise<Pick<StepResult, 'outcome' | 'problem'>> {
  let after: Present = { state: 'missing' };
  for (let looks = 0; looks < LOOKS; looks++) {
    if (looks > 0) await new Promise((resolve) => setTimeout(resolve, BETWEEN_LOOKS_MS));
    after = await step.look();
    if (after.state === 'same') return { outcome: 'done' };
  }
  const how = after.state === 'differs' ? after.differences.join('; ') : after.state;
  return { outcome: 'failed', problem: `it was made, but reads back otherwise: ${how}` };
}

export interface CheckResult extends Finding {
  readonly id: string;
  readonly title: string;
}

/** Where the API does not answer, nothing else is asked. */
export async function runChecks(checks: readonly Check[]): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const { id, title, run } of checks) {
    const finding = await run().catch((error: unknown): Finding => {
      const verdict = id === 'api' ? 'wrong' : 'unknown';
      return { verdict, sentence: `It could not be looked at: ${sentenceOf(error)}.` };
    });
    results.push({ id, title, ...finding });
    if (id === 'api' && finding.verdict === 'wrong') break;
  }
  return results;
}

export interface UndoResult {
  readonly id: string;
  readonly what: string;
  readonly outcome: 'to-do' | 'done' | 'failed';
  readonly problem?: string;
}

/** The newest first. What cannot be undone stays recorded, for the next run. */
export async function undoAll(
  setup: Setup,
  { db, target }: Pick<SetupDeps, 'db'> & { readonly target: string },
  { execute }: RunOptions,
): Promise<UndoResult[]> {
  const results: UndoResult[] = [];
  for (const resource of (await resourcesOf(db, target)).reverse()) {
    const { id, what, undo } = setup.undoing(resource);
    if (!execute) results.push({ id, what, outcome: 'to-do' });
    else results.push({ id, what, ...(await undoOne(undo, db, resource)) });
  }
  return results;
}

async function undoOne(undo: () => Promise<void>, db: SetupDeps['db'], resource: Resource) {
  try {
    await undo();
    await forgetResource(db, resource);
    return { outcome: 'done' as const };
  } catch (error) {
    return { outcome: 'failed' as const, problem: sentenceOf(error) };
  }
}

/** An error as a sentence for the operator; a lost database of ours is no step's fault. */
export function sentenceOf(error: unknown): string {
  if (isFootbridgeError(error, 'storage_unavailable')) throw error;
  if (error instanceof FootbridgeError) return error.detail ?? error.message;
  return error instanceof Error ? error.message : String(error);
}
