/** One cut-over or several phases, for a terminal. */
import { styleText } from 'node:util';
import type { Phasing } from './phasing.ts';
import type { Described } from './phasing-rules.ts';
import { IDENTITY_WORDS, STRATEGY_WORDS } from './phasing-rules.ts';

const title = (text: string) => ['', styleText('bold', text)];

export function phasingText({ recommended, strategies, identities, open }: Phasing): string {
  return [
    ...title('One cut-over or several phases'),
    ...(recommended ? verdict(recommended) : ['  Nothing is known yet that speaks for either.']),
    ...strategies.flatMap(described),
    ...title('How people move within a phase'),
    ...identities.flatMap(described),
    ...(open.length > 0 ? title('What would tell more about phases') : []),
    ...open.flatMap(({ question, ask, answers }) => [
      `  ${ask}`,
      ...answers.map(
        ({ answer, means, change }) =>
          `    --${kebab(question)} ${answer}${means ? ` (${means})` : ''}: ${change}`,
      ),
    ]),
    ...(recommended ? plan(recommended) : []),
  ].join('\n');
}

function verdict({ strategy, identities, reasons, mind }: NonNullable<Phasing['recommended']>): string[] {
  const [{ title: name }, { title: how }] = [STRATEGY_WORDS[strategy], IDENTITY_WORDS[identities]];
  return [
    `  For this store: ${styleText('bold', name)}, ${how.toLowerCase()}.`,
    ...reasons.map((line) => `  · ${line}`),
    ...(mind.length > 0 ? ['  What to mind:', ...mind.map((line) => `  · ${line}`)] : []),
  ];
}

const described = ({ title: name, sentence, pros, cons }: Described) => [
  `  ${styleText('bold', name)}: ${sentence}`,
  ...pros.map((line) => `    + ${line}`),
  ...cons.map((line) => `    − ${line}`),
];

const plan = ({ plan: yaml }: NonNullable<Phasing['recommended']>) => [
  ...title('A plan to start from (`footbridge rollout set <file>`)'),
  ...yaml
    .trimEnd()
    .split('\n')
    .map((line) => `  ${line}`),
];

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
