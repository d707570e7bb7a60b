/** The kinds of target, and the configured ones as the rooms above see them. */
import type { AcceptedFormat } from '../credentials/accepted-format.ts';
import { generic } from './generic/index.ts';
import type { Target, TargetKind, Targets } from './target.ts';
import type { TargetSettings } from './target-settings.ts';
import { zitadel } from './zitadel/index.ts';

export const TARGET_KINDS = { zitadel, generic } satisfies Record<string, TargetKind>;

/** What a kind of target reads when nothing else is configured; undefined for a kind that is not here. */
export function acceptedBy(kind: string): readonly AcceptedFormat[] | undefined {
  return Object.values<TargetKind>(TARGET_KINDS).find((known) => known.kind === kind)?.accepts;
}

export function openTargets(settings: readonly TargetSettings[]): Targets {
  const all = settings.map(({ accepts, ...own }): Target => {
    const kind: TargetKind = TARGET_KINDS[own.kind];
    return { ...kind, ...own, accepts: accepts ?? kind.accepts };
  });
  const byName = new Map(all.map((target) => [target.name, target]));
  const byClient = new Map(all.flatMap((target) => target.clientIds.map((clientId) => [clientId, target])));
  return { all, byName: (name) => byName.get(name), byClient: (clientId) => byClient.get(clientId) };
}
