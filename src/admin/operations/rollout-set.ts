import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { MAX_PLAN_LENGTH, readPlan } from '../../rollout/plan-file.ts';
import { sectionsPage, sectionsText } from '../batch/sections.ts';
import type { Desk } from '../operation.ts';
import { defineOperation } from '../operation.ts';
import { setSections } from '../rollout/set-text.ts';
import { setPlan } from '../rollout/setting.ts';

export const rolloutSet = defineOperation({
  name: 'rollout set',
  summary:
    'Takes a rollout plan (YAML), says what it changes against the one that is in force and what that means for people, and when executed puts it in force as a new version.',
  input: z.strictObject({
    file: z.string().min(1).optional().describe('On the command line: the plan’s file; - reads stdin.'),
    plan: z.string().min(1).max(MAX_PLAN_LENGTH).optional().describe('Or the plan itself, as YAML.'),
    note: z.string().trim().min(1).max(200).optional().describe('Why, for whoever looks at it later.'),
  }),
  positional: ['file'],
  changes: true,
  async run(desk, { file, plan: text, note }, { execute }) {
    const source = sourceOf(desk, { file, text });
    const plan = readPlan({
      ...{ text: source, file: file ?? 'plan' },
      targets: desk.targets.all.map(({ name }) => name),
      apps: desk.appNames,
    });
    return setPlan(desk, { plan, source, note }, { execute, nowMs: Date.now() });
  },
  print: (output) => sectionsText(setSections(output)),
  page: (output) => sectionsPage(`Rollout plan ${output.plan}`, setSections(output)),
});

interface Given {
  readonly file: string | undefined;
  readonly text: string | undefined;
}

function sourceOf({ files }: Pick<Desk, 'files'>, { file, text }: Given): string {
  if ((file === undefined) === (text === undefined))
    throw bad('Give the plan’s file, or the plan itself as `plan`.');
  if (text !== undefined) return text;
  if (!files) throw bad('Only the command line reads a file: give `plan`.');
  try {
    if (file !== '-' && statSync(file!).size > MAX_PLAN_LENGTH) throw bad(`${file} is longer than 8 MiB.`);
    return readFileSync(file === '-' ? 0 : file!, 'utf8');
  } catch (error) {
    if (error instanceof FootbridgeError) throw error;
    throw bad(`${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}

const bad = (detail: string) => new FootbridgeError('bad_request', { detail });
