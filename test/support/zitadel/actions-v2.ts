/** `zitadel.action.v2.ActionService`, and the same as `v2beta`: targets, their keys, and what calls them when. */
import { createHash, createPublicKey } from 'node:crypto';
import type {
  CreateTargetRequestJson,
  SetExecutionRequestJson,
  UpdateTargetRequestJson,
} from '@zitadel/proto/zitadel/action/v2beta/action_service_pb.js';
import { ActionService } from '@zitadel/proto/zitadel/action/v2beta/action_service_pb.js';
import type { ConditionJson } from '@zitadel/proto/zitadel/action/v2beta/execution_pb.js';
import type { PublicKey, StoredTarget } from './actions-store.ts';
import { isDenied } from './denylist.ts';
import { alreadyExists, invalid, notFound, precondition } from './errors.ts';
import type { Call, Handler } from './handlers.ts';
import type { Instance } from './instance.ts';
import { NewActionService } from './newer.ts';
import { fullName, methodByName } from './protobuf.ts';
import { SERVICES } from './services.ts';
import { matchesText, page } from './user-answers.ts';

type PayloadType = StoredTarget['payloadType'] | 'PAYLOAD_TYPE_UNSPECIFIED';
interface Newer {
  readonly payloadType?: PayloadType;
}

const seconds = (duration: string) => Math.round(Number.parseFloat(duration) * 1_000);

function targetById(instance: Instance, id = ''): StoredTarget {
  const target = instance.targets.get(id);
  if (!target) throw notFound('COMMAND-xj14f2cccn', 'Errors.Target.NotFound');
  return target;
}

type Kind = Pick<CreateTargetRequestJson, 'restWebhook' | 'restCall' | 'restAsync'>;
const kindOf = ({ restWebhook, restCall, restAsync }: Kind) => ({
  ...(restWebhook && { kind: 'webhook' as const, interruptOnError: restWebhook.interruptOnError ?? false }),
  ...(restCall && { kind: 'call' as const, interruptOnError: restCall.interruptOnError ?? false }),
  ...(restAsync && { kind: 'async' as const, interruptOnError: false }),
});

async function assertEndpoint(instance: Instance, endpoint: string): Promise<void> {
  if (!URL.canParse(endpoint)) throw invalid('COMMAND-1r2k6qo6wg', 'Errors.Target.InvalidURL');
  if (await isDenied(endpoint, instance.denylist)) throw invalid('COMMAND-NcJUKo', 'Errors.Target.DeniedURL');
}

async function createTarget(given: CreateTargetRequestJson & Newer, { instance, actor }: Call) {
  const { name = '', endpoint = '', timeout = '0s', payloadType = 'PAYLOAD_TYPE_UNSPECIFIED' } = given;
  if (seconds(timeout) === 0) throw invalid('COMMAND-39f35d8uri', 'Errors.Target.NoTimeout');
  await assertEndpoint(instance, endpoint);
  const target: StoredTarget = {
    id: instance.newId(),
    name,
    endpoint,
    kind: 'call',
    interruptOnError: false,
    ...kindOf(given),
    timeoutMs: seconds(timeout),
    payloadType: payloadType === 'PAYLOAD_TYPE_UNSPECIFIED' ? 'PAYLOAD_TYPE_JSON' : payloadType,
    signingKey: instance.newSecret(),
    publicKeys: [],
    createdAt: instance.time,
    changedAt: instance.time,
  };
  instance.targets.set(target.id, target);
  instance.push(
    { type: 'target.added', aggregate: { type: 'target', id: target.id, resourceOwner: instance.id } },
    actor,
  );
  return { id: target.id, creationDate: target.createdAt, signingKey: target.signingKey };
}

async function updateTarget(given: UpdateTargetRequestJson & Newer, { instance }: Call) {
  const target = targetById(instance, given.id);
  if (given.endpoint) await assertEndpoint(instance, given.endpoint);
  const { name, endpoint, timeout, payloadType, expirationSigningKey } = given;
  const changes = {
    ...(name && { name }),
    ...(endpoint && { endpoint }),
    ...(timeout && { timeoutMs: seconds(timeout) }),
    ...(payloadType && payloadType !== 'PAYLOAD_TYPE_UNSPECIFIED' && { payloadType }),
    ...(expirationSigningKey && { signingKey: instance.newSecret() }),
  };
  Object.assign(target, changes, kindOf(given), { changedAt: instance.time });
  return { changeDate: target.changedAt, ...(expirationSigningKey && { signingKey: target.signingKey }) };
}

/** Executions that called it go on without it. */
function deleteTarget({ id = '' }: { id?: string }, { instance }: Call) {
  if (!instance.targets.delete(id)) return {};
  for (const [condition, execution] of instance.executions) {
    execution.targets = execution.targets.filter((target) => target !== id);
    if (execution.targets.length === 0) instance.executions.delete(condition);
  }
  return { deletionDate: instance.time };
}

const shownTarget = (target: StoredTarget, isOld: boolean) => ({
  id: target.id,
  creationDate: target.createdAt,
  changeDate: target.changedAt,
  name: target.name,
  endpoint: target.endpoint,
  timeout: `${target.timeoutMs / 1_000}s`,
  signingKey: target.signingKey,
  ...(target.kind === 'webhook' && { restWebhook: { interruptOnError: target.interruptOnError } }),
  ...(target.kind === 'call' && { restCall: { interruptOnError: target.interruptOnError } }),
  ...(target.kind === 'async' && { restAsync: {} }),
  ...(!isOld && { payloadType: target.payloadType }),
});

interface TargetFilter {
  readonly targetNameFilter?: { readonly targetName?: string; readonly method?: string };
  readonly inTargetIdsFilter?: { readonly targetIds?: string[] };
}
type Search<F> = { readonly filters?: readonly F[]; readonly pagination?: Parameters<typeof page>[1] };

function listTargets({ filters = [], pagination }: Search<TargetFilter>, { instance }: Call, isOld: boolean) {
  const all = [...instance.targets.values()].filter((target) =>
    filters.every(({ targetNameFilter: name, inTargetIdsFilter: ids }) =>
      name
        ? matchesText(target.name, name.targetName ?? '', name.method?.replace('FILTER', 'QUERY') as never)
        : (ids?.targetIds ?? []).includes(target.id),
    ),
  );
  const targets = page(all, pagination).map((target) => shownTarget(target, isOld));
  return { pagination: { totalResult: String(all.length), appliedLimit: '100' }, targets };
}

/** As ZITADEL names executions: `request/zitadel.user.v2.UserService/ListUsers`, `event/user.human.*`, `event`. */
export function conditionId({ request, response, function: named, event }: ConditionJson): string {
  const api = (type: string, { method, service }: NonNullable<ConditionJson['request']>) =>
    method ? `${type}${method}` : service ? `${type}/${service}` : type;
  if (request) return api('request', request);
  if (response) return api('response', response);
  if (named) return `function/${named.name}`;
  if (event?.event) return `event/${event.event}`;
  if (event?.group) return `event/${event.group.replace(/\.\*$/, '')}.*`;
  return 'event';
}

function assertCondition({ eventTypes }: Instance, { request, response, event }: ConditionJson): void {
  const { method, service } = request ?? response ?? {};
  if (method && !methodByName(method))
    throw notFound('COMMAND-vysplsevt8', 'Errors.Execution.ConditionInvalid');
  if (service && !SERVICES.some(({ typeName }) => typeName === service))
    throw notFound('COMMAND-qu6dfhiioq', 'Errors.Execution.ConditionInvalid');
  if (event?.event && !eventTypes.includes(event.event))
    throw notFound('COMMAND-74aaqj8fv9', 'Errors.Execution.ConditionInvalid');
  const group = event?.group?.replace(/\.\*$/, '');
  if (group && !eventTypes.some((type) => type.startsWith(`${group}.`)))
    throw notFound('COMMAND-er5oneb5lz', 'Errors.Execution.ConditionInvalid');
}

function setExecution({ condition = {}, targets = [] }: SetExecutionRequestJson, { instance }: Call) {
  assertCondition(instance, condition);
  for (const id of targets)
    if (!instance.targets.has(id)) throw notFound('COMMAND-17e8fq1ggk', 'Errors.Target.NotFound');
  const key = conditionId(condition);
  const createdAt = instance.executions.get(key)?.createdAt ?? instance.time;
  if (targets.length === 0) instance.executions.delete(key);
  else
    instance.executions.set(key, {
      condition: { ...condition },
      targets,
      createdAt,
      changedAt: instance.time,
    });
  return { setDate: instance.time };
}

interface ExecutionFilter {
  readonly inConditionsFilter?: { readonly conditions?: ConditionJson[] };
  readonly executionTypeFilter?: { readonly executionType?: string };
  readonly targetFilter?: { readonly targetId?: string };
}

function listExecutions({ filters = [], pagination }: Search<ExecutionFilter>, { instance }: Call) {
  const fits = (key: string, targets: readonly string[]) => (filter: ExecutionFilter) => {
    const { inConditionsFilter: wanted, executionTypeFilter: type, targetFilter } = filter;
    if (wanted) return (wanted.conditions ?? []).some((one) => conditionId(one) === key);
    if (type) return key.split('/')[0] === type.executionType?.replace('EXECUTION_TYPE_', '').toLowerCase();
    return targets.includes(targetFilter?.targetId ?? '');
  };
  const all = [...instance.executions].filter(([key, { targets }]) => filters.every(fits(key, targets)));
  const executions = page(all, pagination).map(([, { condition, targets, createdAt, changedAt }]) => ({
    condition,
    targets: [...targets],
    creationDate: createdAt,
    changeDate: changedAt,
  }));
  return { pagination: { totalResult: String(all.length), appliedLimit: '100' }, executions };
}

interface OnKey {
  readonly targetId?: string;
  readonly keyId?: string;
}

function keyOf(instance: Instance, { targetId, keyId }: OnKey): [StoredTarget, PublicKey] {
  const target = targetById(instance, targetId);
  const key = target.publicKeys.find((one) => one.keyId === keyId);
  if (!key) throw notFound('COMMAND-stand5', 'Errors.Target.PublicKey.NotFound');
  return [target, key];
}

function addPublicKey(
  { targetId, publicKey = '', expirationDate }: OnKey & { publicKey?: string; expirationDate?: string },
  { instance }: Call,
) {
  const target = targetById(instance, targetId);
  const pem = Buffer.from(publicKey, 'base64').toString('utf8');
  try {
    const type = createPublicKey(pem).asymmetricKeyType;
    if (type !== 'rsa' && type !== 'ec') throw new Error('neither RSA nor EC');
  } catch {
    throw invalid('COMMAND-stand6', 'Errors.Target.PublicKey.Invalid');
  }
  if (target.publicKeys.some((key) => key.pem === pem))
    throw alreadyExists('COMMAND-stand7', 'Errors.Target.PublicKey.AlreadyExists');
  const times = {
    createdAt: instance.time,
    changedAt: instance.time,
    ...(expirationDate && { expirationDate }),
  };
  const key: PublicKey = { keyId: instance.newId(), pem, isActive: false, ...times };
  target.publicKeys.push(key);
  return { keyId: key.keyId, creationDate: key.createdAt };
}

function setActive(on: OnKey, { instance }: Call, isActive: boolean) {
  const [target, key] = keyOf(instance, on);
  if (isActive) for (const one of target.publicKeys) one.isActive = false;
  Object.assign(key, { isActive, changedAt: instance.time });
  return { changeDate: instance.time };
}

function removePublicKey(on: OnKey, { instance }: Call) {
  const [target, key] = keyOf(instance, on);
  if (key.isActive) throw precondition('COMMAND-stand8', 'Errors.Target.PublicKey.Active');
  target.publicKeys.splice(target.publicKeys.indexOf(key), 1);
  return { deletionDate: instance.time };
}

const shownKey = ({ keyId, pem, isActive, createdAt, changedAt, expirationDate }: PublicKey) => ({
  keyId,
  active: isActive,
  publicKey: Buffer.from(pem).toString('base64'),
  fingerprint: `SHA256:${createHash('sha256')
    .update(createPublicKey(pem).export({ type: 'spki', format: 'der' }))
    .digest('base64')
    .replace(/=+$/, '')}`,
  creationDate: createdAt,
  changeDate: changedAt,
  ...(expirationDate && { expirationDate }),
});

const handlers = (isOld: boolean): Record<string, (request: never, call: Call) => unknown> => ({
  CreateTarget: createTarget,
  UpdateTarget: updateTarget,
  DeleteTarget: deleteTarget,
  GetTarget: ({ id }: { id?: string }, { instance }: Call) => ({
    target: shownTarget(targetById(instance, id), isOld),
  }),
  ListTargets: (request: Search<TargetFilter>, call: Call) => listTargets(request, call, isOld),
  SetExecution: setExecution,
  ListExecutions: listExecutions,
  ListExecutionMethods: () => ({ methods: SERVICES.flatMap((service) => service.methods.map(fullName)) }),
  ListExecutionServices: () => ({ services: SERVICES.map(({ typeName }) => typeName) }),
  ListExecutionFunctions: () => ({ functions: ['preuserinfo', 'preaccesstoken', 'presamlresponse'] }),
  ...(!isOld && {
    AddPublicKey: addPublicKey,
    ActivatePublicKey: (on: OnKey, call: Call) => setActive(on, call, true),
    DeactivatePublicKey: (on: OnKey, call: Call) => setActive(on, call, false),
    RemovePublicKey: removePublicKey,
    ListPublicKeys: ({ targetId }: OnKey, { instance }: Call) => ({
      publicKeys: targetById(instance, targetId).publicKeys.map(shownKey),
    }),
  }),
});

/** The newer one's messages have no types, so both are written by name. */
export const actionHandlers: [string, Handler][] = [NewActionService, ActionService].flatMap((service) =>
  Object.entries(handlers(service === ActionService)).map(([name, handler]): [string, Handler] => [
    `/${service.typeName}/${name}`,
    handler as Handler,
  ]),
);
