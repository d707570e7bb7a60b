import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import type { Target } from '../../targets/target.ts';
import { advise as adviceFrom } from '../advice/advice.ts';
import { adviceText } from '../advice/advice-text.ts';
import type { Answers, Question, QuestionName } from '../advice/questions.ts';
import { QUESTIONS } from '../advice/questions.ts';
import { defineOperation } from '../operation.ts';
import { lastReport } from '../survey/checkpoints.ts';

/** The name under which `legacy survey` keeps its result. */
const SURVEY = 'legacy';

const answer = ({ ask, answers }: Question) =>
  z
    .enum(Object.keys(answers) as [string])
    .optional()
    .describe(`${ask} ${Object.keys(answers).join(', ')}.`);

const answers = Object.fromEntries(
  Object.entries(QUESTIONS).map(([name, question]) => [name, answer(question)]),
) as Record<QuestionName, ReturnType<typeof answer>>;

/**
 * Asks nobody: what is not said is listed as an open question with what each answer would change. So the command line,
 * the HTTP API and a script get the same answer, and nothing waits for a terminal.
 */
export const advise = defineOperation({
  name: 'advise',
  summary:
    'Recommends how to move people to ZITADEL, from your answers and the last survey: with reasons, settings, and the way back. Answers that are missing are listed with what they would change.',
  input: z.strictObject({
    target: z.string().min(1).optional().describe('The target’s name; the first ZITADEL when absent.'),
    ...answers,
  }),
  changes: false,
  async run({ db, targets }, { target, ...given }) {
    return adviceFrom({
      given: given as Answers,
      target: targetNamed(target, targets.all),
      report: await lastReport(db, SURVEY),
    });
  },
  print: adviceText,
  foundWrong: ({ recommended }) => recommended === undefined,
});

function targetNamed(name: string | undefined, all: readonly Target[]): Target | undefined {
  const found = all.find(
    (target) => target.kind === 'zitadel' && (name === undefined || target.name === name),
  );
  if (name !== undefined && !found)
    throw new FootbridgeError('bad_request', {
      detail: `There is no ZITADEL called ${name} in the settings.`,
    });
  return found;
}
