/** Actions of the first version: scripts of an organization, and the flows that run them. */
import type { ActionJson } from '@zitadel/proto/zitadel/action_pb.js';
import { ManagementService } from '@zitadel/proto/zitadel/management_pb.js';
import type { StoredAction } from './actions-store.ts';
import { alreadyExists, notFound, precondition } from './errors.ts';
import type { Call } from './handlers.ts';
import { handle } from './handlers.ts';
import type { Instance } from './instance.ts';
import { listDetailsV1, matchesText, page } from './user-answers.ts';

/** External Authentication has three triggers; the other flows are none of ours. */
export const FLOWS: Readonly<Record<string, readonly string[]>> = {
  '1': ['1', '2', '3'],
  '2': ['4', '5'],
  '3': ['1', '2', '3'],
};

export const flowKey = (organization: string, flow: string, trigger: string) =>
  `${organization}/${flow}/${trigger}`;

function actionOf({ instance, organization }: Call, id = ''): StoredAction {
  const action = instance.actions.get(id);
  if (action?.organization !== organization) throw notFound('ACTION-2mSf4', 'Errors.Action.NotFound');
  return action;
}

const milliseconds = (duration = '0s') => Number.parseFloat(duration) * 1_000;

function assertNameFree({ instance, organization }: Call, name: string, id = ''): void {
  const isTaken = [...instance.actions.values()].some(
    (action) => action.organization === organization && action.name === name && action.id !== id,
  );
  if (isTaken) throw alreadyExists('V3-DKcYh', 'Errors.Action.AlreadyExists');
}

const shown = (instance: Instance, action: StoredAction): ActionJson => ({
  id: action.id,
  details: instance.detailsHere(action.organization),
  state: action.isActive ? 'ACTION_STATE_ACTIVE' : 'ACTION_STATE_INACTIVE',
  name: action.name,
  script: action.script,
  timeout: `${action.timeoutMs / 1_000}s`,
  allowedToFail: action.allowedToFail,
});

export const actionV1Handlers = handle(ManagementService, {
  createAction({ name = '', script = '', timeout, allowedToFail = false }, call) {
    const { instance, organization } = call;
    assertNameFree(call, name);
    const timeoutMs = milliseconds(timeout);
    const action = {
      id: instance.newId(),
      organization,
      name,
      script,
      timeoutMs,
      allowedToFail,
      isActive: true,
    };
    instance.actions.set(action.id, action);
    return { id: action.id, details: instance.detailsHere(organization) };
  },
  updateAction({ id, name = '', script = '', timeout, allowedToFail = false }, call) {
    const action = actionOf(call, id);
    assertNameFree(call, name, action.id);
    Object.assign(action, { name, script, timeoutMs: milliseconds(timeout), allowedToFail });
    return { details: call.instance.detailsHere(call.organization) };
  },
  getAction: ({ id }, call) => ({ action: shown(call.instance, actionOf(call, id)) }),
  listActions({ query, queries = [] }, { instance, organization }) {
    const mine = [...instance.actions.values()].filter((action) => action.organization === organization);
    const all = mine.filter((action) =>
      queries.every(({ actionIdQuery, actionNameQuery: named }) =>
        actionIdQuery
          ? action.id === actionIdQuery.id
          : !named || matchesText(action.name, named.name ?? '', named.method),
      ),
    );
    return {
      details: listDetailsV1(instance, all.length),
      result: page(all, query).map((one) => shown(instance, one)),
    };
  },
  deleteAction({ id }, call) {
    const action = actionOf(call, id);
    call.instance.actions.delete(action.id);
    for (const [flow, ids] of call.instance.flows) {
      call.instance.flows.set(
        flow,
        ids.filter((one) => one !== action.id),
      );
    }
    return {};
  },
  getFlow({ type = '' }, { instance, organization }) {
    const triggerActions = (FLOWS[type] ?? []).flatMap((trigger) => {
      const ids = instance.flows.get(flowKey(organization, type, trigger)) ?? [];
      const actions = ids.flatMap((id) => instance.actions.get(id) ?? []).map((one) => shown(instance, one));
      return actions.length ? [{ triggerType: { id: trigger }, actions }] : [];
    });
    const details = instance.detailsHere(organization);
    return { flow: { type: { id: type }, details, state: 'FLOW_STATE_ACTIVE' as const, triggerActions } };
  },
  setTriggerActions({ flowType = '', triggerType = '', actionIds = [] }, { instance, organization }) {
    if (!FLOWS[flowType]?.includes(triggerType))
      throw precondition('COMMAND-Dfhj5', 'Errors.Flow.WrongTriggerType');
    for (const id of actionIds)
      if (instance.actions.get(id)?.organization !== organization)
        throw precondition('COMMAND-Uh9bu', 'Errors.Flow.ActionIDsNotExist');
    const key = flowKey(organization, flowType, triggerType);
    const before = instance.flows.get(key) ?? [];
    if (before.join() === actionIds.join()) throw precondition('COMMAND-Nfh52', 'Errors.Flow.NoChanges');
    instance.flows.set(key, actionIds);
    return { details: instance.detailsHere(organization) };
  },
  clearFlow({ type = '' }, { instance, organization }) {
    for (const trigger of FLOWS[type] ?? []) instance.flows.delete(flowKey(organization, type, trigger));
    return { details: instance.detailsHere(organization) };
  },
});
