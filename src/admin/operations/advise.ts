import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import type { Target } from '../../targets/target.ts';
import { advise as adviceFrom } from '../advice/advice.ts';
import { adviceText } from '../advice/advice-text.ts';
import { advisePhasing } from '../advice/phasing.ts';
import type { PhasingAnswers, PhasingQuestion } from '../advice/phasing-questions.ts';
import { PHASING_QUESTIONS } from '../advice/phasing-questions.ts';
import { phasingText } from '../advice/phasing-text.ts';
import type { Question, QuestionName } from '../advice/questions.ts';
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
  Object.entries({ ...QUESTIONS, ...PHASING_QUESTIONS }).map(([name, question]) => [name, answer(question)]),
) as Record<QuestionName | PhasingQuestion, ReturnType<typeof answer>>;

/**
 * Asks nobody: what is not said is listed as an open question with what each answer would change. So the command line,
 * the HTTP API and a script get the same answer, and nothing waits for a terminal.
 */
export const advise = defineOperation({
  name: 'advise',
  summary:
    'Recommends how to move people to ZITADEL, from your answers and the last survey: with reasons, settings, and the way back; and whether in one cut-over or in phases, with a plan to start from. Answers that are missing are listed with what they would change.',
  input: z.strictObject({
    target: z.string().min(1).optional().describe('The target’s name; the first ZITADEL when absent.'),
    ...answers,
  }),
  changes: false,
  async run({ db, targets, setup }, { target: named, ...given }) {
    const [target, report] = [targetNamed(named, targets.all), await lastReport(db, SURVEY)];
    const advice = adviceFrom({ given: given as PhasingAnswers, target, report });
    // Its own client is the target itself, and switches last.
    const clients = (setup?.clients ?? [])
      .filter(({ redirectUris }) => redirectUris.length > 0)
      .map(({ clientId }) => clientId)
      .filter((clientId) => !targets.all.some(({ clientIds }) => clientIds.includes(clientId)));
    const phasing = advisePhasing({
      ...{ given: given as PhasingAnswers, report, figures: advice.survey?.figures, clients },
      target: target?.name ?? targets.all[0]?.name ?? 'zitadel',
    });
    return { ...advice, phasing };
  },
  print: ({ phasing, ...advice }) => `${adviceText(advice)}\n${phasingText(phasing)}`,
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
