/** Actions V2 at work: which targets a call or an event has, calling them, and what their answers do. */
import type { DescMethod, JsonObject } from '@bufbuild/protobuf';
import type { StoredTarget } from './actions-store.ts';
import type { Delivery, Sender } from './delivery.ts';
import { ApiError, precondition } from './errors.ts';
import type { Call } from './handlers.ts';
import type { Instance, StoredEvent } from './instance.ts';
import { fullName, readMessage, writeMessage } from './protobuf.ts';

export interface Executions {
  /** The request, as the targets have left it. Throws what a target refuses with. */
  onRequest(method: DescMethod, request: JsonObject, call: Call): Promise<JsonObject>;
  onResponse(
    method: DescMethod,
    exchanged: { readonly request: JsonObject; readonly response: JsonObject },
    call: Call,
  ): Promise<JsonObject>;
  /** An event's targets; nothing that they answer has a consequence. */
  onEvent(event: StoredEvent): Promise<readonly Delivery[]>;
}

/** The best match only: method before service before all; event before its nearest group before all. */
function targetsOf(instance: Instance, candidates: readonly string[]): StoredTarget[] {
  const found = candidates.map((id) => instance.executions.get(id)).find((one) => one !== undefined);
  return (found?.targets ?? []).flatMap((id) => instance.targets.get(id) ?? []);
}

const ofCall = (type: 'request' | 'response', method: DescMethod) => [
  `${type}${fullName(method)}`,
  `${type}/${method.parent.typeName}`,
  type,
];

function ofEvent({ type }: StoredEvent): string[] {
  const parts = type.split('.');
  const groups = parts
    .slice(1)
    .map((_part, at) => `event/${parts.slice(0, parts.length - 1 - at).join('.')}.*`);
  return [`event/${type}`, ...groups, 'event'];
}

export function openExecutions(instance: Instance, sender: Sender): Executions {
  return {
    onRequest(method, request, call) {
      const targets = targetsOf(instance, ofCall('request', method));
      return through(sender, targets, {
        kind: 'request',
        content: request,
        schema: method.input,
        payload: (changed) => ({ ...callPayload(method, call), request: changed }),
      });
    },
    onResponse(method, { request, response }, call) {
      const targets = targetsOf(instance, ofCall('response', method));
      return through(sender, targets, {
        kind: 'response',
        content: response,
        schema: method.output,
        payload: (changed) => ({ ...callPayload(method, call), request, response: changed }),
      });
    },
    async onEvent(event) {
      const deliveries: Delivery[] = [];
      for (const target of targetsOf(instance, ofEvent(event))) {
        const delivery = await sender.send(target, { kind: 'event', payload: sender.eventPayload(event) });
        deliveries.push(delivery);
        if (delivery.failure && target.interruptOnError) break;
      }
      return deliveries;
    },
  };
}

const callPayload = (method: DescMethod, { instance, actor }: Call) => ({
  fullMethod: fullName(method),
  instanceID: instance.id,
  orgID: actor.organization,
  userID: actor.userId,
});

interface Through {
  readonly kind: 'request' | 'response';
  readonly content: JsonObject;
  readonly schema: DescMethod['input'];
  payload(content: JsonObject): JsonObject;
}

async function through(
  sender: Sender,
  targets: readonly StoredTarget[],
  given: Through,
): Promise<JsonObject> {
  let { content } = given;
  for (const target of targets) {
    const sending = sender.send(target, { kind: given.kind, payload: given.payload(content) });
    if (target.kind === 'async') continue;
    const delivery = await sending;
    const refusal = delivery.failure ?? forwarded(delivery.answer ?? '');
    if (refusal && target.interruptOnError) throw refusal;
    if (!refusal && target.kind === 'call') content = replaced(given, delivery.answer ?? '');
  }
  return content;
}

/** What a target answers takes the place of the message, whole and to the letter: nothing of the old one is kept. */
function replaced({ schema }: Through, answer: string): JsonObject {
  let json: JsonObject;
  try {
    json = JSON.parse(answer);
  } catch {
    throw new ApiError(2, [undefined, 'unexpected end of JSON input']);
  }
  const { message, problem } = readMessage(schema, json);
  if (!message || (problem && problem.kind !== 'rule'))
    throw new ApiError(2, [undefined, `proto: ${problem?.message}`]);
  return writeMessage(schema, message);
}

const CODES: Readonly<Record<number, number>> = { 400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 412: 9, 429: 8 };

/** A target that answers 200 can still refuse, with a status between 400 and 499. */
function forwarded(answer: string): ApiError | undefined {
  let said: { forwardedStatusCode?: number; forwardedErrorMessage?: string };
  try {
    said = JSON.parse(answer) ?? {};
  } catch {
    return undefined;
  }
  const { forwardedStatusCode: status, forwardedErrorMessage: message = '' } = said;
  if (status === undefined || status === 0) return undefined;
  if (status < 400 || status > 499) return precondition('EXEC-reUaUZCzCp', message);
  return new ApiError(CODES[status] ?? 2, ['EXEC-reUaUZCzCp', message]);
}
