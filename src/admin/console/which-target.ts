/** Which target a page speaks of: the one in its path, the one that was chosen, or the first of the settings. */
import { FootbridgeError } from '../../errors.ts';
import type { Target } from '../../targets/target.ts';
import type { Desk } from '../operation.ts';
import type { PageAsk } from './page.ts';

/** Undefined: the settings have none. Throws not_found for a name that is none of them. */
export function targetOf(
  { targets }: Pick<Desk, 'targets'>,
  { params, query }: Pick<PageAsk, 'params' | 'query'>,
): Target | undefined {
  const named = params.target ?? query.get('target') ?? undefined;
  if (named === undefined || named === '') return targets.all[0];
  const target = targets.all.find(({ name }) => name === named);
  if (!target) throw new FootbridgeError('not_found', { detail: `There is no target ${named}.` });
  return target;
}
