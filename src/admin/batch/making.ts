/** Makes a plan, and the batch of it: how it is named, how it is sent, who is written down. */
import { isDeepStrictEqual } from 'node:util';
import { FootbridgeError } from '../../errors.ts';
import type { BatchPace } from '../../migration/batch/batch.ts';
import type { Batches } from '../../migration/batch/batches.ts';
import type { Capabilities, Target, Targets } from '../../targets/target.ts';

/** Calls at once and node: two keep a target busy while the next chunk is made ready. */
const WORKERS = 2;
export const MAX_WORKERS = 32;
export const MAX_PER_SECOND = 100_000;
/** Leaves room for a date and a number in 63 characters. */
const NAME_PREFIX_LENGTH = 48;

export interface ReachableTarget {
  readonly target: Target;
  readonly capabilities: Capabilities;
}

/** Throws target_without_api: its kind has none, or the settings do not say how to reach it. */
export function reachable(targets: Pick<Targets, 'byName' | 'connection'>, name: string): ReachableTarget {
  const target = targets.byName(name);
  if (!target) throw withoutApi(`There is no target ${name} in the settings.`);
  if (!target.connect || !target.capabilities)
    throw withoutApi(
      `A target of the kind ${target.kind} only fetches: nobody can be moved there from here.`,
    );
  if (!targets.connection(name)) throw withoutApi(`Add \`api\` to the settings of ${name}.`);
  return { target, capabilities: target.capabilities };
}

const withoutApi = (detail: string) => new FootbridgeError('target_without_api', { detail });

/** Throws bad_request for a size that the target does not take. */
export function checkSize(size: number, { batch }: Pick<Capabilities, 'batch'>, target: string): void {
  if (size <= batch.max) return;
  throw new FootbridgeError('bad_request', {
    detail: `${target} takes at most ${batch.max.toLocaleString('en')} users per call; asked for ${size.toLocaleString('en')} (--size).`,
  });
}

export interface AskedPace {
  readonly size?: number | undefined;
  /** 0: as many as the target takes. */
  readonly perSecond?: number | undefined;
  readonly workers?: number | undefined;
}

export function paceFor(
  { size, perSecond, workers }: AskedPace,
  { batch }: Pick<Capabilities, 'batch'>,
): BatchPace {
  return {
    size: size ?? Math.min(batch.users, batch.max),
    perSecond: perSecond || null,
    workers: workers ?? WORKERS,
  };
}

/**
 * `main-20260301-1`, or the name of a plan of the very same people that was cut off: it is gone on with. The number is the
 * first that is free.
 */
export async function nameFor(
  batches: Pick<Batches, 'list'>,
  { target, plan, now }: { readonly target: string; readonly plan: unknown; readonly now: Date },
): Promise<string> {
  const known = await batches.list();
  const same = JSON.parse(JSON.stringify(plan)) as unknown;
  const cutOff = known.find(
    (batch) => batch.state === 'planning' && batch.target === target && isDeepStrictEqual(batch.plan, same),
  );
  if (cutOff) return cutOff.id;
  const day = now.toISOString().slice(0, 10).replaceAll('-', '');
  const names = new Set(known.map(({ id }) => id));
  for (let number = 1; ; number += 1) {
    const name = `${target.slice(0, NAME_PREFIX_LENGTH)}-${day}-${number}`;
    if (!names.has(name)) return name;
  }
}
