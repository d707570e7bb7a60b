/** Sending a payload to an Action's target: signed, as a JWT, or encrypted, as ZITADEL sends it. */
import { createHmac, createPublicKey } from 'node:crypto';
import type { JsonObject } from '@bufbuild/protobuf';
import { CompactEncrypt } from 'jose';
import type { StoredTarget } from './actions-store.ts';
import { isDenied } from './denylist.ts';
import type { ApiError } from './errors.ts';
import { precondition } from './errors.ts';
import type { Instance, StoredEvent } from './instance.ts';

export interface Delivery {
  readonly kind: 'request' | 'response' | 'event';
  readonly target: StoredTarget;
  readonly payload: JsonObject;
  readonly headers: Readonly<Record<string, string>>;
  /** As it went over the wire. */
  readonly body: string;
  status?: number;
  answer?: string;
  failure?: ApiError;
}

export interface DeliveryOptions {
  /** Base 64 is how it was before it became an object; releases of 2025 still did so. */
  eventPayload: 'object' | 'base64';
  /** Newer notes call it `X-ZITADEL-Signature`. */
  signatureHeader: string;
  /** Claims that JWT payloads have besides the message's fields: it is not known which. */
  jwtClaims: () => Record<string, unknown>;
  jwtContentType: string;
}

export interface Sender {
  readonly deliveries: Delivery[];
  readonly options: DeliveryOptions;
  eventPayload(event: StoredEvent): JsonObject;
  send(target: StoredTarget, what: Pick<Delivery, 'kind' | 'payload'>): Promise<Delivery>;
  /** The very same bytes again, or as changed. */
  resend(
    delivery: Delivery,
    changes?: { body?: string; headers?: Record<string, string> },
  ): Promise<Delivery>;
}

/** `t=<seconds>,v1=<hex>`: HMAC-SHA256 over time, a dot, and the raw body; one `v1` per key. */
export function signatureHeader(body: string, keys: readonly string[], nowSeconds: number): string {
  const signed = keys.map(
    (key) => `v1=${createHmac('sha256', key).update(`${nowSeconds}.${body}`).digest('hex')}`,
  );
  return [`t=${nowSeconds}`, ...signed].join(',');
}

export function openSender(instance: Instance): Sender {
  const deliveries: Delivery[] = [];
  const options: DeliveryOptions = {
    eventPayload: 'object',
    signatureHeader: 'ZITADEL-Signature',
    jwtClaims: () => ({}),
    jwtContentType: 'application/jwt',
  };

  async function post(delivery: Delivery): Promise<Delivery> {
    deliveries.push(delivery);
    const { target } = delivery;
    try {
      if (await isDenied(target.endpoint, instance.denylist)) throw new Error('denied');
      const answer = await fetch(target.endpoint, {
        method: 'POST',
        headers: delivery.headers,
        body: delivery.body,
        signal: AbortSignal.timeout(target.timeoutMs),
      });
      delivery.status = answer.status;
      delivery.answer = await answer.text();
      if (!answer.ok) delivery.failure = precondition('EXEC-dra6yamk98', 'Errors.Execution.Failed');
    } catch {
      delivery.failure = precondition('EXEC-dra6yamk98', 'Errors.Execution.Failed');
    }
    return delivery;
  }

  return {
    deliveries,
    options,
    eventPayload(event) {
      const { aggregate } = event;
      const text = JSON.stringify(instance.told(event));
      return {
        aggregateID: aggregate.id,
        aggregateType: aggregate.type,
        resourceOwner: aggregate.resourceOwner,
        instanceID: instance.id,
        version: 'v1',
        sequence: event.sequence,
        event_type: event.type,
        created_at: event.createdAt,
        userID: event.editor,
        event_payload:
          options.eventPayload === 'object' ? JSON.parse(text) : Buffer.from(text).toString('base64'),
      };
    },
    async send(target, what) {
      try {
        const { body, headers } = await written(instance, target, { payload: what.payload, options });
        return await post({ ...what, target, body, headers });
      } catch (error) {
        const failed = { ...what, target, body: '', headers: {}, failure: error as ApiError };
        deliveries.push(failed);
        return failed;
      }
    },
    resend: ({ kind, target, payload, body, headers }, changes = {}) =>
      post({
        kind,
        target,
        payload,
        body: changes.body ?? body,
        headers: { ...headers, ...changes.headers },
      }),
  };
}

async function written(
  instance: Instance,
  target: StoredTarget,
  { payload, options }: { payload: JsonObject; options: DeliveryOptions },
): Promise<Pick<Delivery, 'body' | 'headers'>> {
  if (target.payloadType === 'PAYLOAD_TYPE_JSON') {
    const body = JSON.stringify(payload);
    const signed = signatureHeader(body, [target.signingKey], Math.floor(instance.now() / 1_000));
    return { body, headers: { 'content-type': 'application/json', [options.signatureHeader]: signed } };
  }
  const jwt = await instance.key.sign({ ...payload, ...options.jwtClaims() });
  const headers = { 'content-type': options.jwtContentType };
  if (target.payloadType === 'PAYLOAD_TYPE_JWT') return { body: jwt, headers };
  return { body: await encrypted(target, jwt, instance.now()), headers };
}

async function encrypted(target: StoredTarget, jwt: string, nowMs: number): Promise<string> {
  const key = target.publicKeys.find(
    ({ isActive, expirationDate }) => isActive && (!expirationDate || Date.parse(expirationDate) > nowMs),
  );
  if (!key) throw precondition('EXEC-stand9', 'Errors.Target.NoActivePublicKey');
  const publicKey = createPublicKey(key.pem);
  const alg = publicKey.asymmetricKeyType === 'rsa' ? 'RSA-OAEP-256' : 'ECDH-ES+A256KW';
  return new CompactEncrypt(Buffer.from(jwt))
    .setProtectedHeader({ alg, enc: 'A256GCM', cty: 'JWT', kid: key.keyId })
    .encrypt(publicKey);
}
