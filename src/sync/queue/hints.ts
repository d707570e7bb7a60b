/** What several changes of one person tell together: the newest of each. */
import type { Hint } from './change-queue.ts';

const MOMENTS = ['legacyAt', 'targetAt', 'othersAt', 'goneAt', 'removedAt', 'passwordAt'] as const;

/** In the order of their coming; equal moments count as newer. */
export function mergeHints(a: Hint, b: Hint): Hint {
  const moments = MOMENTS.flatMap((name) => {
    const newest = [a[name], b[name]]
      .filter((one) => one !== undefined)
      .sort()
      .at(-1);
    return newest === undefined ? [] : [[name, newest] as const];
  });
  const sealedPassword = newestSealed(a, b);
  return { ...Object.fromEntries(moments), ...(sealedPassword === undefined ? {} : { sealedPassword }) };
}

/** Of one moment, as when a call and the event of it tell the same change, whichever tells more: see `sealPassword`. */
function newestSealed(a: Hint, b: Hint): string | undefined {
  const [before, after] = [a.passwordAt ?? '', b.passwordAt ?? ''];
  if (after !== before) return after > before ? b.sealedPassword : a.sealedPassword;
  const [one, other] = [a.sealedPassword, b.sealedPassword];
  if (one === undefined || other === undefined) return one ?? other;
  return other.charAt(0) > one.charAt(0) ? one : other;
}

/** Moments as they are compared: all in UTC, to the millisecond, and none to come. Throws RangeError for what is none. */
export function hintOf(hint: Hint, nowMs: number): Hint {
  const moments = MOMENTS.flatMap((name) => {
    const text = hint[name];
    if (text === undefined) return [];
    return [[name, new Date(Math.min(new Date(text).getTime(), nowMs)).toISOString()] as const];
  });
  const { sealedPassword } = hint;
  return { ...Object.fromEntries(moments), ...(sealedPassword === undefined ? {} : { sealedPassword }) };
}

/** The same in SQL, of two expressions that are documents. */
export function mergedSql(a: string, b: string): string {
  const newest = MOMENTS.map((name) => `'${name}', greatest(${a}->>'${name}', ${b}->>'${name}')`);
  const sealed = `case when ${b}->>'passwordAt' > coalesce(${a}->>'passwordAt', '') then ${b}->>'sealedPassword'
    when ${b}->>'passwordAt' = ${a}->>'passwordAt' and not coalesce(
      left(${b}->>'sealedPassword', 1) > left(${a}->>'sealedPassword', 1), ${b}->>'sealedPassword' is null)
    then ${b}->>'sealedPassword' else ${a}->>'sealedPassword' end`;
  return `jsonb_strip_nulls(jsonb_build_object(${newest.join(', ')}, 'sealedPassword', ${sealed}))`;
}

/** Of all rows of a group. */
export function mergedOfGroupSql(hint: string): string {
  const newest = MOMENTS.map((name) => `'${name}', max(${hint}->>'${name}')`);
  const sealed = `(array_agg(${hint}->>'sealedPassword' order by ${hint}->>'passwordAt' desc nulls last,
    left(${hint}->>'sealedPassword', 1) nulls last))[1]`;
  return `jsonb_strip_nulls(jsonb_build_object(${newest.join(', ')}, 'sealedPassword', ${sealed}))`;
}
