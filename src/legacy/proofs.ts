/** Answers the mapping's yes-or-no questions. A value that does not answer makes the record unmappable: never guess. */
import type { Scope } from './fields.ts';
import { unmappable, valuesOf } from './fields.ts';
import type { Condition, Proof } from './mapping-settings.ts';
import { isBlank, momentOf, textOf, truthOf } from './values.ts';

export function isProved(proof: Proof, scope: Scope): boolean {
  if (typeof proof === 'boolean') return proof;
  if ('all' in proof) return proof.all.every((condition) => holds(condition, scope));
  if ('any' in proof) return proof.any.some((condition) => holds(condition, scope));
  return holds(proof, scope);
}

/** Of several values (related rows, lists), one that passes is enough, also for `noneOf`’s opposite. */
function holds(condition: Condition, scope: Scope): boolean {
  const values = valuesOf(condition, scope);
  const texts = values.map(textOf);
  const has = (wanted: string | number | boolean) =>
    texts.includes(String(wanted)) || (wanted === '' && values.length === 0);
  const { present, truthy, equals, oneOf, noneOf, startsWith, matches, future, past } = condition;
  if (present !== undefined) return values.some((value) => !isZeroDate(value)) === present;
  if (truthy !== undefined) return values.some((value) => readTruth(value, condition)) === truthy;
  if (equals !== undefined)
    return typeof equals === 'boolean' ? equalsBoolean(values, equals, condition) : has(equals);
  if (oneOf) return oneOf.some(has);
  if (noneOf) return !noneOf.some(has);
  if (startsWith !== undefined) return texts.some((text) => text?.startsWith(startsWith));
  if (matches) return texts.some((text) => text !== undefined && matches.test(text));
  const moments = values.flatMap((value) => readMoment(value, condition) ?? []);
  if (future !== undefined) return moments.some((moment) => moment > scope.nowMs) === future;
  return moments.some((moment) => moment <= scope.nowMs) === past;
}

/** MySQL's 0000-00-00 stands for no date. */
const isZeroDate = (value: unknown) => isBlank(value) || /^0000-00-00/.test(textOf(value) ?? '');

const equalsBoolean = (values: unknown[], wanted: boolean, condition: Condition) =>
  values.length > 0 && values.every((value) => readTruth(value, condition) === wanted);

function readTruth(value: unknown, condition: Condition): boolean {
  const truth = truthOf(value);
  if (truth === undefined) throw unmappable(`${nameOf(condition)} says neither yes nor no`);
  return truth;
}

function readMoment(value: unknown, condition: Condition): number | undefined {
  const moment = momentOf(value);
  if (Number.isNaN(moment)) throw unmappable(`${nameOf(condition)} is not a time that can be read`);
  return moment;
}

const nameOf = ({ column, columns }: Condition) => column ?? columns?.join(', ') ?? 'a constant';
