/** Rules by which old logins end, as operators see them: what the settings say, and what was said since. */
import type { ClaimTokenSettings, EnforcementRule } from '../../migration/claim-tokens/claim-settings.ts';
import { refusedFrom } from '../../migration/claim-tokens/enforcement.ts';
import { countExceptions } from '../../migration/claim-tokens/exceptions.ts';
import type { RuleWord } from '../../migration/claim-tokens/rules.ts';
import { listRuleWords } from '../../migration/claim-tokens/rules.ts';
import type { Db } from '../../store/db.ts';
import { count, day, minute } from './claim-desk.ts';

export interface ShownRule {
  readonly rule: string;
  readonly who: string;
  readonly from: Date;
  readonly refusedFrom: Date;
  readonly phase: 'to come' | 'asks' | 'refuses' | 'paused';
  /** Who has stopped it, and why. */
  readonly paused: Pick<RuleWord, 'reason' | 'actor' | 'at'> | null;
}

export interface ShownTarget {
  readonly target: string;
  /** In the order in which they are asked: the first that fits somebody counts. */
  readonly rules: readonly ShownRule[];
  readonly excepted: number;
  /** Paused rules that the settings have no more: what was said of them counts again when they come back. */
  readonly leftOver: readonly string[];
}

export async function rulesAt(
  db: Db,
  { target, enforcement }: ClaimTokenSettings,
  nowMs: number,
): Promise<ShownTarget> {
  const words = (await listRuleWords(db, target)).filter(({ paused }) => paused);
  const names = new Set(enforcement.map(({ name }) => name));
  return {
    target,
    rules: enforcement.map((rule) =>
      shown(
        rule,
        words.find((word) => word.rule === rule.name),
        nowMs,
      ),
    ),
    excepted: await countExceptions(db, target),
    leftOver: words.map(({ rule }) => rule).filter((rule) => !names.has(rule)),
  };
}

function shown(rule: EnforcementRule, word: RuleWord | undefined, nowMs: number): ShownRule {
  const end = refusedFrom(rule);
  const phase = nowMs < rule.from.getTime() ? 'to come' : nowMs < end.getTime() ? 'asks' : 'refuses';
  const { reason = '', actor = '', at = new Date(0) } = word ?? {};
  return {
    rule: rule.name,
    who: whoWords(rule),
    from: rule.from,
    refusedFrom: end,
    phase: word ? 'paused' : phase,
    paused: word ? { reason, actor, at } : null,
  };
}

/** What is read at a glance; the rest is in the settings. */
const SHOWN_VALUES = 3;

function whoWords({ who }: EnforcementRule): string {
  const some = (words: string, values: readonly string[] = []) => {
    if (values.length === 0) return [];
    const more = values.length > SHOWN_VALUES ? ` or ${count(values.length - SHOWN_VALUES)} more` : '';
    return [`${words} ${values.slice(0, SHOWN_VALUES).join(' or ')}${more}`];
  };
  const parts = [
    ...some('with the role', who.roles),
    ...some('in the group', who.groups),
    ...some('with a verified address at', who.emailDomains),
    ...Object.entries(who.metadata ?? {}).map(([key, value]) => `whose ${key} is ${value}`),
    ...(who.subs ? [`of a list of ${count(who.subs.length)}`] : []),
  ];
  return parts.length === 0 ? 'everybody' : `people ${parts.join(', ')}`;
}

export const RULE_HEAD = ['rule', 'now', 'asks from', 'refuses from', 'who'];

export const ruleRow = ({ rule, phase, from, refusedFrom: end, who }: ShownRule): string[] => [
  rule,
  phase,
  day(from),
  day(end),
  who,
];

export const pausedWords = ({ rule, paused }: ShownRule): string[] =>
  paused ? [`${rule} was paused by ${paused.actor} at ${minute(paused.at)} UTC: ${paused.reason}`] : [];
