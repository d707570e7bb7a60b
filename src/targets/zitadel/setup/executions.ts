/** The steps that tie our hooks to what happens at ZITADEL. Other people's targets at the same place stay where they are. */
import type { Resource } from '../../resources.ts';
import type { Present, Step, Undoing } from '../../setup.ts';
import type { Context } from './context.ts';
import { record, recordOf } from './context.ts';
import type { Condition, HookPlan } from './hook-plans.ts';
import { conditionId, conditionsOf, plansFor } from './hook-plans.ts';

/** `zitadel.action.v2.Execution`; what is empty is left out. */
interface Execution {
  readonly condition: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly targets?: readonly string[];
}

interface Page {
  readonly executions?: readonly Execution[];
}

/** ZITADEL's own size of a page. */
const PAGE = 100;
const MAX_EXECUTIONS = 10_000;
const PATH = '/v2/actions/executions';

export async function executionSteps(context: Context): Promise<Step[]> {
  const plans = plansFor(context.target);
  const known = plans.length > 0 ? await knownEvents(context) : undefined;
  return plans.map((plan) => executionStep(context, plan, conditionsOf(plan, context, known)));
}

/** Undefined where ZITADEL does not tell. */
export async function knownEvents({ api }: Context): Promise<ReadonlySet<string> | undefined> {
  type Answer = { eventTypes?: { type: string }[] };
  const answer = await api
    .call<Answer>('POST', '/admin/v1/events/types/_search', { body: {} })
    .catch(() => undefined);
  const types = (answer?.eventTypes ?? []).map(({ type }) => type);
  return types.length > 0 ? new Set(types) : undefined;
}

function executionStep(context: Context, { hook }: HookPlan, conditions: readonly Condition[]): Step {
  const ours = async () => (await recordOf(context, { kind: 'action-target', name: hook }))?.remoteId;
  const lacking = async (target: string | undefined) => {
    const all = await executions(context);
    return conditions
      .map((condition) => ({ condition, targets: exactly(all, condition)?.targets ?? [], all }))
      .filter(({ targets }) => target === undefined || !targets.includes(target));
  };
  return {
    id: `execution:${hook}`,
    what: `ZITADEL calls our hook ${hook} at ${conditions.map(conditionId).join(', ')}.`,
    why: 'A target without an execution is never called. Targets that are there already are called as before, ours after them.',
    needs: [`action-target:${hook}`],
    async look(): Promise<Present> {
      const missing = await lacking(await ours());
      if (missing.length === 0) return { state: 'same' };
      if (missing.length === conditions.length && missing.every(({ targets }) => targets.length === 0))
        return { state: 'missing' };
      return { state: 'differs', differences: missing.map(lackOf) };
    },
    async apply() {
      const target = await ours();
      if (!target) throw new Error(`there is no action target for ${hook} yet`);
      const changes = (await lacking(target)).map(({ condition, targets, all }) => ({
        condition,
        targets,
        copied: targets.length > 0 ? [] : broader(all, condition),
      }));
      const copied = changes.flatMap(({ condition, copied: targets }) =>
        targets.length > 0 ? [[conditionId(condition), targets]] : [],
      );
      const before = { copied: Object.fromEntries(copied) };
      await record(context, { kind: 'execution', name: hook, remoteId: target, before });
      for (const { condition, targets, copied: others } of changes)
        await set(context, condition, [...targets, ...others.filter((one) => one !== target), target]);
    },
  };
}

function lackOf({ condition, targets }: { condition: Condition; targets: readonly string[] }): string {
  const others = targets.length > 0 ? `${targets.length} other targets are called` : 'nothing is called';
  return `at ${conditionId(condition)} ${others}, and ours is not`;
}

async function executions({ api }: Context): Promise<Execution[]> {
  const found: Execution[] = [];
  for (let offset = 0; offset < MAX_EXECUTIONS; offset += PAGE) {
    // In the order they were made, so that none is passed over.
    const body = { pagination: { offset: String(offset), limit: PAGE, asc: true } };
    const { executions: page = [] } = await api.call<Page>('POST', `${PATH}/search`, { body });
    found.push(...page);
    if (page.length < PAGE) break;
  }
  return found;
}

const set = ({ api }: Context, condition: unknown, targets: readonly string[]) =>
  api.call('PUT', PATH, { body: { condition, targets } });

const exactly = (all: readonly Execution[], wanted: Condition) =>
  all.find(({ condition }) => JSON.stringify(condition) === JSON.stringify(wanted));

/**
 * Only the closest condition counts: a new one for a method hides that for its service, or for everything, and so takes
 * over what is called there.
 */
function broader(all: readonly Execution[], condition: Condition): readonly string[] {
  const [kind, name] = 'event' in condition ? ['event', condition.event.event] : methodOf(condition);
  const scopes = kind === 'event' ? groupsOf(name) : [{ service: name.split('/')[1] }];
  for (const scope of [...scopes, { all: true }]) {
    const found = all.find((one) => isSame(one.condition[kind], scope));
    if (found?.targets?.length) return found.targets;
  }
  return [];
}

function methodOf(condition: Exclude<Condition, { event: unknown }>): [string, string] {
  return 'request' in condition
    ? ['request', condition.request.method]
    : ['response', condition.response.method];
}

/** `user.human` and `user` of `user.human.added`, the closest first. */
function groupsOf(event: string) {
  const parts = event.split('.');
  return parts
    .slice(1)
    .map((_part, index) => ({ group: parts.slice(0, parts.length - 1 - index).join('.') }));
}

const isSame = (one: Readonly<Record<string, unknown>> | undefined, scope: object) =>
  one !== undefined &&
  Object.entries(scope).every(([key, value]) => String(one[key]).replace(/\.\*$/, '') === String(value));

export function undoExecution(context: Context, { name, remoteId, before }: Resource): Undoing {
  const { copied = {} } = (before ?? {}) as { copied?: Readonly<Record<string, readonly string[]>> };
  return {
    id: `execution:${name}`,
    what: `Our hook ${name} is no longer called; what else is called at the same places stays.`,
    async undo() {
      if (!remoteId) return;
      for (const { condition, targets = [] } of await executions(context)) {
        if (!targets.includes(remoteId)) continue;
        const others = targets.filter((target) => target !== remoteId);
        // What was only taken over from a broader condition is called from there again.
        const taken = copied[conditionId(condition as unknown as Condition)] ?? [];
        await set(context, condition, others.every((target) => taken.includes(target)) ? [] : others);
      }
    },
  };
}
