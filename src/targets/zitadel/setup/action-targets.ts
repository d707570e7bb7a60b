/** The steps that let ZITADEL call our hooks: an Actions V2 target each, with the keys that its calls carry. */
import { Secret } from '../../../settings.ts';
import type { Resource } from '../../resources.ts';
import { beginKeyRotation, keyOfResource } from '../../resources.ts';
import type { Present, RotateOptions, Step, Undoing } from '../../setup.ts';
import type { Context, Recorded } from './context.ts';
import { announce, differencesOf, endpointOf, forget, nameOf, orGone, record, recordOf } from './context.ts';
import { explainDenial } from './denylist.ts';
import { ensureKey, isKeyActive, replaceKey } from './encryption-keys.ts';
import type { HookPlan } from './hook-plans.ts';
import { plansFor } from './hook-plans.ts';

/** `zitadel.action.v2.Target`; what is false or empty is left out. */
interface ActionTarget {
  readonly id: string;
  readonly name?: string;
  readonly endpoint?: string;
  readonly timeout?: string;
  readonly restCall?: { readonly interruptOnError?: boolean };
  readonly restWebhook?: { readonly interruptOnError?: boolean };
  readonly restAsync?: object;
  readonly payloadType?: string;
  readonly signingKey?: string;
}

const PATH = '/v2/actions/targets';
const pathOf = (id: string) => `${PATH}/${encodeURIComponent(id)}`;
const idOf = (hook: string) => ({ kind: 'action-target' as const, name: hook });

export function actionTargetSteps(context: Context): Step[] {
  return plansFor(context.target).map((plan) => actionTargetStep(context, plan));
}

function actionTargetStep(context: Context, plan: HookPlan): Step {
  return {
    id: `action-target:${plan.hook}`,
    what: plan.what,
    why: plan.why,
    look: () => look(context, plan),
    async apply() {
      const recorded = await recordOf(context, idOf(plan.hook));
      const there = await find(context, plan, recorded);
      const done = there ? change(context, plan, { there, recorded }) : make(context, plan, recorded);
      await done.catch((error) => {
        throw explainDenial(error, context);
      });
    },
  };
}

async function look(context: Context, plan: HookPlan): Promise<Present> {
  const recorded = await recordOf(context, idOf(plan.hook));
  const there = await find(context, plan, recorded);
  if (!there) return { state: 'missing' };
  const differences = differencesAt(context, plan, there);
  if (!recorded) differences.push('it was made by somebody else, with our name and address');
  else if (!recorded.remoteId) differences.push('it was made by a run that was cut off');
  else if (!(await isSigningKeyKnown(context, plan.hook, there)))
    differences.push('the key that it signs with is not the one we have');
  if (isEncrypted(context) && !(await isKeyActive(context, plan.hook, there.id)))
    differences.push('it does not encrypt to a key of ours');
  return differences.length > 0 ? { state: 'differs', differences } : { state: 'same' };
}

const isEncrypted = ({ target }: Context) => target.setup.payload === 'jwe';

/** The recorded one; where none is recorded, one that has our name and calls our hook. */
async function find(context: Context, plan: HookPlan, recorded: Recorded): Promise<ActionTarget | undefined> {
  const { api } = context;
  if (recorded?.remoteId)
    return (await orGone(api.call<{ target: ActionTarget }>('GET', pathOf(recorded.remoteId))))?.target;
  const named = await byName(context, nameOf(context, plan.hook));
  return named.find(({ endpoint }) => endpoint === endpointOf(context, plan.hook));
}

export async function byName({ api }: Context, targetName: string): Promise<ActionTarget[]> {
  const filters = [{ targetNameFilter: { targetName, method: 'TEXT_FILTER_METHOD_EQUALS' } }];
  const answer = await api.call<{ targets?: ActionTarget[] }>('POST', `${PATH}/search`, {
    body: { filters },
  });
  return answer.targets ?? [];
}

/** To make and to change it. */
function bodyFor(context: Context, plan: HookPlan) {
  const { how, interruptOnError, timeoutSeconds, hook } = plan;
  const type = { call: 'restCall', webhook: 'restWebhook', async: 'restAsync' }[how];
  return {
    name: nameOf(context, hook),
    endpoint: endpointOf(context, hook),
    timeout: `${timeoutSeconds}s`,
    [type]: how === 'async' ? {} : { interruptOnError },
    payloadType: `PAYLOAD_TYPE_${context.target.setup.payload.toUpperCase()}`,
  };
}

function flat({ restCall, restWebhook, restAsync, payloadType, ...rest }: Partial<ActionTarget>) {
  const { name, endpoint, timeout } = rest;
  return {
    name,
    endpoint,
    timeout,
    type: restCall ? 'call' : restWebhook ? 'webhook' : restAsync ? 'async' : 'unknown',
    interruptOnError: (restCall ?? restWebhook)?.interruptOnError ?? false,
    payloadType: payloadType ?? 'PAYLOAD_TYPE_JSON',
  };
}

const differencesAt = (context: Context, plan: HookPlan, there: ActionTarget) =>
  differencesOf(flat(bodyFor(context, plan)), flat(there));

async function isSigningKeyKnown({ deps, target }: Context, hook: string, there: ActionTarget) {
  const known = await keyOfResource(deps.db, deps.keyring, { ...idOf(hook), target: target.name });
  // Releases that do not show it are believed.
  return known !== undefined && (!there.signingKey || deps.keyring.equal(known.reveal(), there.signingKey));
}

async function make(context: Context, plan: HookPlan, recorded: Recorded): Promise<void> {
  const id = idOf(plan.hook);
  if (recorded?.remoteId) {
    await forget(context, id);
    await forget(context, { kind: 'encryption-key', name: plan.hook });
  }
  await announce(context, id);
  const made = await context.api.call<{ id: string; signingKey?: string }>('POST', PATH, {
    body: bodyFor(context, plan),
  });
  if (made.signingKey) await record(context, { ...id, remoteId: made.id, key: new Secret(made.signingKey) });
  else await newSigningKey(context, plan.hook, made.id);
  if (isEncrypted(context)) await ensureKey(context, plan.hook, made.id);
}

/** What an update takes: not the times, which come along with it. */
function changeable(there: ActionTarget) {
  const { name, endpoint, timeout, restCall, restWebhook, restAsync, payloadType } = there;
  const fields = { name, endpoint, timeout, restCall, restWebhook, restAsync, payloadType };
  return JSON.parse(JSON.stringify(fields)) as Partial<typeof fields>;
}

async function change(
  context: Context,
  plan: HookPlan,
  { there, recorded }: { readonly there: ActionTarget; readonly recorded: Recorded },
): Promise<void> {
  const id = { ...idOf(plan.hook), remoteId: there.id };
  const { signingKey } = there;
  await record(context, { ...id, ...(recorded ? {} : { before: changeable(there) }) });
  if (!(await isSigningKeyKnown(context, plan.hook, there))) {
    if (signingKey) await record(context, { ...id, key: new Secret(signingKey) });
    else await newSigningKey(context, plan.hook, there.id);
  }
  // First the key, then what needs it.
  if (isEncrypted(context)) await ensureKey(context, plan.hook, there.id);
  if (differencesAt(context, plan, there).length > 0)
    await context.api.call('POST', pathOf(there.id), { body: bodyFor(context, plan) });
}

/** ZITADEL makes it, and signs with it from then on: there is no time in which it uses both. */
async function newSigningKey(context: Context, hook: string, targetId: string): Promise<void> {
  const { signingKey } = await context.api.call<{ signingKey?: string }>('POST', pathOf(targetId), {
    body: { expirationSigningKey: '0s' },
  });
  if (!signingKey) throw new Error('ZITADEL does not tell the key that it signs with');
  await record(context, { ...idOf(hook), remoteId: targetId, key: new Secret(signingKey) });
}

/** The hooks whose keys are new. What was signed with the old ones and is under way is still taken for a while. */
export async function rotateHookKeys(
  context: Context,
  { keepPreviousSeconds }: RotateOptions,
): Promise<string[]> {
  const rotated: string[] = [];
  for (const { hook } of plansFor(context.target)) {
    const recorded = await recordOf(context, idOf(hook));
    if (!recorded?.remoteId) continue;
    const targetId = recorded.remoteId;
    await beginKeyRotation(
      context.deps.db,
      { ...idOf(hook), target: context.target.name },
      keepPreviousSeconds,
    );
    await newSigningKey(context, hook, targetId);
    if (isEncrypted(context)) await replaceKey(context, hook, { targetId, keepPreviousSeconds });
    rotated.push(hook);
  }
  return rotated;
}

export function undoActionTarget(context: Context, { name, remoteId, before }: Resource): Undoing {
  return {
    id: `action-target:${name}`,
    what: before
      ? `The action target ${remoteId} becomes again what it was before us.`
      : `ZITADEL no longer calls our hook ${name}.`,
    async undo() {
      const there = remoteId ? [remoteId] : await leftBehind(context, name);
      for (const id of there) {
        if (before) await orGone(context.api.call('POST', pathOf(id), { body: before }));
        else await orGone(context.api.call('DELETE', pathOf(id)));
      }
    },
  };
}

async function leftBehind(context: Context, hook: string): Promise<string[]> {
  const named = await byName(context, nameOf(context, hook));
  return named.filter(({ endpoint }) => endpoint === endpointOf(context, hook)).map(({ id }) => id);
}
