/** A plan as people write it: YAML, read and checked, with every problem at its place. */
import { FootbridgeError } from '../errors.ts';
import { telling } from '../issue-words.ts';
import type { FileProblem } from '../yaml-file.ts';
import { plainOf, problemLine, problemsAt, readYaml } from '../yaml-file.ts';
import type { Plan } from './plan.ts';
import { planShape } from './plan.ts';

/** What the settings have, and a plan may name. */
export interface Known {
  readonly targets: readonly string[];
  /** Clients and legacy apps; undefined: nobody can say. */
  readonly apps?: readonly string[] | undefined;
}

export interface PlanText extends Known {
  readonly text: string;
  /** As problems name it. */
  readonly file: string;
}

/** A list of a hundred thousand subjects, and room for the rest. */
export const MAX_PLAN_LENGTH = 8 * 1024 * 1024;
/** Problems that are named; who has more begins with these. */
const NAMED = 50;

/** Throws plan_invalid with a line per problem: `plan.yaml:3:5 phases.0.name: …`. */
export function readPlan(asked: PlanText): Plan {
  const { text, file } = asked;
  if (text.length > MAX_PLAN_LENGTH)
    throw invalid([{ ...START, file, message: 'is longer than 8 MiB: nobody reads it' }]);
  const yaml = readYaml(text, file);
  const tree = yaml.problems.length > 0 ? undefined : plainOf(yaml);
  if (yaml.problems.length > 0) throw invalid(yaml.problems);
  const parsed = planShape.safeParse(tree, { error: telling });
  const wrong = problemsAt(yaml, parsed.error?.issues ?? []);
  if (!parsed.success) throw invalid(wrong);
  const unknown = unknownNames(parsed.data, asked).map(({ path, message }) => ({
    ...yaml.placeOf(path),
    path: path.join('.'),
    message,
  }));
  if (unknown.length > 0) throw invalid(unknown);
  return parsed.data;
}

const START = { line: 1, column: 1, path: '' };

interface Unknown {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

function unknownNames({ target, apps }: Plan, known: Known): Unknown[] {
  const list = known.targets.join(', ') || 'none';
  const wrong: Unknown[] = known.targets.includes(target)
    ? []
    : [{ path: ['target'], message: `the settings have no target called ${target} (there is ${list})` }];
  if (!known.apps) return wrong;
  for (const [name, app] of Object.entries(apps))
    for (const [kind, what] of KINDS)
      for (const [at, one] of app[kind].entries())
        if (!known.apps.includes(one))
          wrong.push({
            path: ['apps', name, kind, at],
            message: `the settings have no ${what} called ${one}`,
          });
  return wrong;
}

const KINDS = [
  ['clients', 'client'],
  ['legacySessions', 'legacy app'],
] as const;

function invalid(problems: readonly FileProblem[]): FootbridgeError {
  const named = problems.slice(0, NAMED).map(problemLine);
  const more = problems.length > NAMED ? [`and ${problems.length - NAMED} more`] : [];
  return new FootbridgeError('plan_invalid', { detail: [...named, ...more].join('\n') });
}
