/** What the old login of somebody does now, in words. */
import type { EnforcementStanding } from '../../migration/claim-tokens/enforcement.ts';
import { day } from './claim-desk.ts';

/** Whoever is linked is not asked any more, and led to the target in the end. */
export function oldLoginWords(standing: EnforcementStanding, isLinked: boolean): string {
  switch (standing.kind) {
    case 'free':
      return 'goes on';
    case 'soon':
      return `lets them in${isLinked ? '' : ', and asks,'} until ${day(standing.until)} (rule ${standing.rule})`;
    case 'refused':
      return `${isLinked ? 'leads to the target' : 'lets them in no more'} since ${day(standing.since)} (rule ${standing.rule})`;
  }
}
