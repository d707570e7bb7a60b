/** The way back: rules of the settings that an operator has stopped, and lets go on. What they say is in the settings. */
import { auditPart } from '../../store/audit-log.ts';
import type { Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Part } from '../../store/statement.ts';

/** What an operator has last said of a rule. Nothing was said of most. */
export interface RuleWord {
  readonly target: string;
  readonly rule: string;
  readonly paused: boolean;
  readonly reason: string;
  readonly actor: string;
  readonly at: Date;
}

export interface RuleChange {
  readonly target: string;
  readonly rule: string;
  readonly reason: string;
  /** As the audit log names them. */
  readonly actor: string;
}

/** The old login lets everybody in again whom this rule stops, on all nodes, from their next login on. */
export const pauseRule = (q: Queryable, change: RuleChange): Promise<boolean> => say(q, change, true);

export const resumeRule = (q: Queryable, change: RuleChange): Promise<boolean> => say(q, change, false);

/** False: it was so already, and stays as it was said. */
async function say(
  q: Queryable,
  { target, rule, reason, actor }: RuleChange,
  paused: boolean,
): Promise<boolean> {
  const said: Part = {
    name: 'claim_rule_said',
    text: `insert into claim_rules as r (target, rule, paused, reason, actor)
        select $1::text, $2::text, $3::boolean, $4::text, $5::text
        where $3::boolean or exists (select from claim_rules where target = $1::text and rule = $2::text)
      on conflict (target, rule) do update set paused = excluded.paused, reason = excluded.reason,
        actor = excluded.actor, at = now()
        where r.paused <> excluded.paused
      returning 1`,
    values: [target, rule, paused, reason, actor],
  };
  const action = paused ? 'claim-rule.paused' : 'claim-rule.resumed';
  const record = auditPart({ actor, action, detail: { target, rule, reason } }, 'claim_rule_said');
  return (await q.runParts([said, record], 'select 1 from claim_rule_said')).length > 0;
}

const LIST = statement(
  'select target, rule, paused, reason, actor, at from claim_rules where $1::text is null or target = $1 order by target, rule',
);

/** Rules that the settings no longer have may be among them. */
export const listRuleWords = (q: Queryable, target?: string): Promise<RuleWord[]> =>
  q.run<RuleWord>(LIST, [target ?? null]);

const PAUSED = statement('select 1 from claim_rules where target = $1 and rule = $2 and paused');

export const isPaused = async (q: Queryable, target: string, rule: string): Promise<boolean> =>
  (await q.run(PAUSED, [target, rule])).length > 0;

/** A part named `claim_rule_paused`: a row if the rule is stopped. */
export const pausedPart = ({ target, rule }: Pick<RuleChange, 'target' | 'rule'>): Part => ({
  name: 'claim_rule_paused',
  text: 'select 1 from claim_rules where target = $1::text and rule = $2::text and paused',
  values: [target, rule],
});
