import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import type { ClaimTokenSettings } from '../../migration/claim-tokens/claim-settings.ts';
import type { ClaimException } from '../../migration/claim-tokens/exceptions.ts';
import { listExceptions, MAX_REASON } from '../../migration/claim-tokens/exceptions.ts';
import { pauseRule, resumeRule } from '../../migration/claim-tokens/rules.ts';
import { tableText } from '../batch/sections.ts';
import { claimSettingsAt, count, minute, NOTHING_CHANGED } from '../claim-tokens/claim-desk.ts';
import type { ShownTarget } from '../claim-tokens/rules-view.ts';
import { pausedWords, RULE_HEAD, ruleRow, rulesAt } from '../claim-tokens/rules-view.ts';
import type { Desk } from '../operation.ts';
import { defineOperation } from '../operation.ts';

/** Whoever has excepted more changes the rule. */
const LISTED = 1_000;

const text = (words: string) => z.string().min(1).optional().describe(words);

const input = z
  .strictObject({
    target: text('Only this target’s; to pause or resume, which one’s where there are several.'),
    pause: text(
      'Stops this rule: whom it has kept out is let in again, on all servers, from their next login on.',
    ),
    resume: text('Lets this rule go on.'),
    reason: z.string().min(1).max(MAX_REASON).optional().describe('Why, for those who come after you.'),
    exceptions: z.boolean().default(false).describe('Lists who is excepted, too.'),
  })
  .refine(({ pause, resume }) => pause === undefined || resume === undefined, {
    error: 'pause one or resume one, and not both',
    path: ['resume'],
  })
  .refine(({ pause, reason }) => pause === undefined || reason !== undefined, {
    error: 'a pause needs its reason',
    path: ['reason'],
  });
type Input = z.output<typeof input>;

export const claimRules = defineOperation({
  name: 'claim rules',
  summary:
    'Lists from when on whose old login ends, and who is excepted. Pauses a rule and lets it go on: the way back.',
  input,
  changes: true,
  async run(desk, asked, { execute }) {
    const change = execute ? await carryOut(desk, asked) : foreseen(desk, asked);
    const all = asked.target === undefined ? desk.claimTokens : [claimSettingsAt(desk, asked.target)];
    const targets: ShownTarget[] = [];
    for (const settings of all) targets.push(await rulesAt(desk.db, settings, Date.now()));
    const { target } = asked;
    return {
      executed: execute,
      change: change ?? null,
      targets,
      exceptions: asked.exceptions ? await listExceptions(desk.db, { target }, LISTED) : null,
    };
  },
  print: ({ executed, change, targets, exceptions }) =>
    [
      ...(change ? changeLines(change, executed) : []),
      ...targets.flatMap(targetLines),
      ...(targets.length === 0 ? ['The settings have no `claimTokens`.'] : []),
      ...(exceptions ? ['', ...exceptionLines(exceptions)] : []),
    ].join('\n'),
});

const exceptionLines = (exceptions: readonly ClaimException[]): string[] =>
  exceptions.length === 0
    ? ['Nobody is excepted.']
    : [
        'Excepted, whose old login goes on',
        ...tableText({
          head: ['who', 'target', 'until (UTC)', 'by', 'why'],
          rows: exceptions.map(({ target, sub, until, reason, actor }) => [
            sub,
            target,
            until ? minute(until) : 'taken back',
            actor,
            reason,
          ]),
        }),
      ];

interface Change {
  readonly what: 'pause' | 'resume';
  readonly target: string;
  readonly rule: string;
  /** Null: nobody has tried yet; false: it was so already. */
  readonly changed: boolean | null;
}

/** Throws not_found for a rule that the settings do not have. */
function foreseen(desk: Desk, { pause, resume, target: name }: Input): Change | undefined {
  const rule = pause ?? resume;
  if (rule === undefined) return undefined;
  const settings = claimSettingsAt(desk, name);
  // A rule that is gone from the settings can still be let go on.
  if (pause !== undefined) checkRule(settings, rule);
  return { what: pause === undefined ? 'resume' : 'pause', target: settings.target, rule, changed: null };
}

function checkRule({ target, enforcement }: ClaimTokenSettings, rule: string): void {
  if (enforcement.some(({ name }) => name === rule)) return;
  const names = enforcement.map(({ name }) => name).join(', ') || 'none';
  throw new FootbridgeError('not_found', { detail: `${target} has no rule ${rule}; it has ${names}` });
}

async function carryOut(desk: Desk, asked: Input): Promise<Change | undefined> {
  const change = foreseen(desk, asked);
  if (!change) return undefined;
  const { what, target, rule } = change;
  const word = { target, rule, reason: asked.reason ?? '', actor: desk.actor };
  const changed = await (what === 'pause' ? pauseRule(desk.db, word) : resumeRule(desk.db, word));
  return { ...change, changed };
}

function changeLines({ what, target, rule, changed }: Change, executed: boolean): string[] {
  const whom = `${rule} at ${target}`;
  if (!executed) return [`Would ${what} ${whom}.`, NOTHING_CHANGED, ''];
  if (changed === false)
    return [
      what === 'pause'
        ? `Rule ${whom} is paused already, for the reason below.`
        : `Rule ${whom} was not paused.`,
      '',
    ];
  return what === 'pause'
    ? [`Paused ${whom}: from now on nobody is kept out by it.`, '']
    : [`Rule ${whom} goes on.`, ''];
}

function targetLines(shown: ShownTarget): string[] {
  const { target, rules, excepted, leftOver } = shown;
  return [
    `${target}: ${rules.length === 0 ? 'no rules; every old login goes on' : 'the first rule that fits somebody counts'}, ${count(excepted)} excepted`,
    ...(rules.length === 0 ? [] : tableText({ head: RULE_HEAD, rows: rules.map(ruleRow) })),
    ...rules.flatMap(pausedWords).map((line) => `  ${line}`),
    ...leftOver.map((rule) => `  ${rule} is paused, and not in the settings any more`),
  ];
}
