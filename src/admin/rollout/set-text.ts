/** What a new version of a plan changes, in plain words. */
import type { Change } from '../../rollout/plan-diff.ts';
import type { Section } from '../batch/sections.ts';
import { NOTHING_CHANGED } from '../claim-tokens/claim-desk.ts';
import type { SetOutput } from './setting.ts';

export function setSections(output: SetOutput): Section[] {
  const { executed, target, plan, before, version, isSame, changes, means } = output;
  const of = before === null ? 'there is no plan yet' : `version ${before} is in force`;
  const title = executed
    ? `Plan ${plan} for ${target}: version ${version} is in force`
    : `Plan ${plan} for ${target}: ${of}`;
  if (isSame) return [{ title, text: ['It is the very text that is in force: there is nothing to do.'] }];
  const rows = changes.map((change) => [
    change.kind,
    [change.about, change.name].filter((word) => word !== '').join(' '),
    detailWords(change),
  ]);
  return [
    { title, ...(changes.length === 0 ? { text: ['It says the same in other words.'] } : {}) },
    ...(rows.length > 0 ? [{ title: 'Changes', table: { head: ['', 'what', ''], rows } }] : []),
    ...(means.length > 0 ? [{ title: 'What it means', text: means }] : []),
    { title: 'Next', text: [nextWords(output)] },
  ];
}

const nextWords = ({ executed, version, target }: SetOutput): string =>
  executed
    ? `Every decision from now on is by version ${version}, on every server. What comes next: footbridge rollout show --target ${target}`
    : `Version ${version} would be in force from the next decision on. ${NOTHING_CHANGED}`;

const detailWords = ({ kind, details }: Change): string => (kind === 'removed' ? '' : details.join('; '));
