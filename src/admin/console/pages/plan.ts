import { FootbridgeError } from '../../../errors.ts';
import type { PlanRow } from '../../../rollout/phases.ts';
import { planVersions } from '../../../rollout/phases.ts';
import { planShape } from '../../../rollout/plan.ts';
import { planChanges } from '../../../rollout/plan-diff.ts';
import { mayDo } from '../../perform.ts';
import { definePage, doHref } from '../page.ts';
import { rolloutHref } from '../rollout-view.ts';
import { textDiff } from '../text-diff.ts';
import { targetOf } from '../which-target.ts';

/** As many as somebody looks back on; `rollout history` has them all. */
const LISTED = 20;
/** A list of a hundred thousand subjects is nothing to read, nor to send around in a form. */
const MAX_SHOWN = 100_000;
const MAX_EDITED = 20_000;

/** The plan as it was written, what each version changed, and a form for the next. */
export const planPage = definePage({
  path: 'rollout/:target/plan',
  title: 'Plan',
  async load({ db, targets }, ask) {
    const target = targetOf({ targets }, ask)!.name;
    const versions = await planVersions(db, target, { limit: LISTED });
    const [current] = versions;
    const wish = ask.query.get('version');
    const shown = wish === null ? current : await versionOf(db, { target, versions, wish });
    const before = shown && (await versionBefore(db, { target, versions, version: shown.version }));
    const isEditable = (current?.source.length ?? 0) <= MAX_EDITED;
    return {
      title: `Plan for ${target}`,
      template: 'plan',
      data: {
        target,
        backHref: rolloutHref(target),
        action: doHref('rollout set'),
        mayAct: mayDo(ask.who.role, 'operator'),
        versions: versions.map(({ version, note, actor, at }) => ({ version, note, actor, at })),
        isWhole: versions.length < LISTED,
        shown: shown && {
          ...headOf(shown),
          isCurrent: shown.version === current?.version,
          source: shown.source.slice(0, MAX_SHOWN),
          isCut: shown.source.length > MAX_SHOWN,
        },
        difference: shown && before ? differenceOf(before, shown) : null,
        edited: isEditable ? (current?.source ?? starter(target)) : null,
      },
    };
  },
});

type Db = Parameters<typeof planVersions>[0];
interface Among {
  readonly target: string;
  readonly versions: readonly PlanRow[];
}

async function versionOf(
  db: Db,
  { target, versions, wish }: Among & { readonly wish: string },
): Promise<PlanRow> {
  const version = /^\d{1,9}$/.test(wish) ? Number(wish) : Number.NaN;
  const found = versions.find((one) => one.version === version);
  if (found) return found;
  const [row] = Number.isNaN(version) ? [] : await planVersions(db, target, { version, limit: 1 });
  if (!row) throw new FootbridgeError('plan_not_found', { detail: `${target}, version ${wish}` });
  return row;
}

async function versionBefore(
  db: Db,
  { target, versions, version }: Among & { readonly version: number },
): Promise<PlanRow | undefined> {
  if (version <= 1) return undefined;
  const known = versions.find((one) => one.version === version - 1);
  return known ?? (await planVersions(db, target, { version: version - 1, limit: 1 }))[0];
}

const headOf = ({ version, note, actor, at }: PlanRow) => ({ version, note, actor, at });

function differenceOf(before: PlanRow, after: PlanRow) {
  return {
    before: before.version,
    changes: planChanges(planShape.parse(before.plan), planShape.parse(after.plan)),
    text: textDiff(before.source, after.source),
  };
}

/** To begin with: one careful phase, and one for everybody else. */
const starter = (target: string) => `name: move
target: ${target}
segments:
  first:
    percentage: 5
phases:
  - name: first
    title: The first five of a hundred
    segments: [first]
    finish: { coverage: 0.8, days: 14, errorRate: 0.02 }
    pause: { errorRate: 0.1 }
  - name: everybody
    title: Everybody else
    needs: [first]
    pause: { errorRate: 0.1 }
`;
