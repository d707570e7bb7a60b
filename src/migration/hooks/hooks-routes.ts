/** What targets call while somebody logs in there, and when something has happened to a user. */
import Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import { readBody } from '../../body.ts';
import { nowSeconds as systemSeconds } from '../../clock.ts';
import { FootbridgeError, isFootbridgeError } from '../../errors.ts';
import { leaving } from '../../leaving.ts';
import type { HookAnswer, HookCall, HookResult, OpenPayload, TargetHook } from '../../targets/hook.ts';
import type { Target, Targets } from '../../targets/target.ts';
import type { TargetEvent } from '../../targets/webhook.ts';
import type { RouteDescription } from '../json-routes.ts';
import { parseJson, problems } from '../json-routes.ts';
import type { VerifiedSignature } from '../signature.ts';
import { verifySignature } from '../signature.ts';
import type { SignedCallDeps } from '../signed-calls.ts';
import { signatureHeader, takeOnce } from '../signed-calls.ts';
import type { AtLogin } from './at-login.ts';
import type { HookKeysDeps } from './keys.ts';
import { HookKeys } from './keys.ts';

export interface HooksRoutesDeps extends SignedCallDeps, HookKeysDeps {
  readonly targets: Pick<Targets, 'byName' | 'connection'>;
  readonly atLogin: AtLogin;
  /**
   * Told what signed calls say of a user, before anything else is done of them and before they are answered: what it has
   * taken is kept. The same event may come again. An outage of it is one of the call, which then comes again.
   */
  readonly onUserEvent?: (target: Target, event: TargetEvent) => Promise<void>;
  /** Told of errors that are ours. */
  readonly onError: (error: unknown, where: string) => void;
  /** For metrics: what became of a call. */
  readonly onCall?: (call: {
    readonly target: string;
    readonly hook: string;
    readonly call: HookCall['kind'] | 'unread';
    /** Of a refusal, why. */
    readonly result: 'go-on' | 'go-on-with' | Extract<HookResult, { kind: 'refused' }>['reason'];
  }) => void;
}

/** For the API's description. */
export const hooksOperations: readonly RouteDescription[] = [
  {
    method: 'POST',
    path: '/hooks/:kind/:target/:hook',
    summary: 'What a target calls at its logins. Body and answer are the target’s own messages.',
    scope: 'signature',
    parameters: z.object({ kind: z.string(), target: z.string(), hook: z.string() }),
    response: z.unknown(),
    errors: [
      'bad_request',
      'body_too_large',
      'bad_signature',
      'replayed',
      'not_found',
      'throttled',
      'storage_unavailable',
    ],
  },
];

/** ZITADEL's header under both names its notes give. */
const SIGNATURE_HEADERS = ['zitadel-signature', 'x-zitadel-signature'];
/** Unsigned calls per second and target: a new user each. Three seconds' worth may come at once. */
const UNSIGNED_PER_SECOND = 20;
const UNSIGNED_BURST = 60;
/** What only says that we, or those we need, cannot do it now. */
const OUTAGES = [
  'legacy_unavailable',
  'storage_unavailable',
  'hashing_overloaded',
  'target_unavailable',
] as const;

interface Called {
  readonly target: Target;
  readonly hook: TargetHook;
}

export function hooksRoutes(deps: HooksRoutesDeps): Router {
  const keys = new HookKeys(deps);
  const openers = new Map<Target, OpenPayload>();
  const buckets = new Map<Target, Bucket>();
  const opener = (target: Target): OpenPayload => {
    const known = openers.get(target) ?? openerOf(deps, keys, target);
    openers.set(target, known);
    return known;
  };
  const router = new Router();
  router.post('/hooks/:kind/:target/:hook', problems({ onError: deps.onError }), async (ctx) => {
    const called = calledBy(deps.targets, ctx.params);
    const body = await readBody(ctx.req);
    const { target, hook } = called;
    const signature = hook.isUnsigned ? undefined : await signatureOf(deps, keys, { called, ctx, body });
    if (!signature) takeUnsigned(buckets, target);
    const signal = leaving(ctx);
    const answer = await answered(deps, { called, open: opener(target), body, signature, signal });
    ctx.status = answer.status;
    ctx.body = JSON.stringify(answer.body);
    ctx.type = 'application/json';
  });
  return router;
}

function calledBy(targets: Pick<Targets, 'byName'>, params: Record<string, string | undefined>): Called {
  const target = targets.byName(params.target ?? '');
  const hook = target?.kind === params.kind && target?.hooks?.find(({ name }) => name === params.hook);
  if (!target || !hook) throw new FootbridgeError('not_found');
  return { target, hook };
}

function openerOf(deps: HooksRoutesDeps, keys: HookKeys, target: Target): OpenPayload {
  const decryptionKeys = (hook: string) => keys.decryption(target, hook);
  const opened = target.payloads?.(target, { decryptionKeys, nowSeconds: deps.nowSeconds ?? systemSeconds });
  return opened ?? (async (_, body) => parseJson(body));
}

/**
 * A body that is not signed with a key of this hook gets no further. Throws bad_signature, storage_unavailable where the
 * keys cannot be had.
 */
async function signatureOf(
  { nowSeconds = systemSeconds }: HooksRoutesDeps,
  keys: HookKeys,
  { called, ctx, body }: { called: Called; ctx: Context; body: Buffer },
): Promise<VerifiedSignature> {
  const { target, hook } = called;
  const header = signatureHeader(ctx.req.headers, SIGNATURE_HEADERS);
  const verified = async (again: boolean) =>
    verifySignature(
      { header, body, nowSeconds: nowSeconds() },
      await keys.signing(target, hook.name, { again }),
    );
  const signature = header === undefined ? undefined : ((await verified(false)) ?? (await verified(true)));
  if (!signature) throw new FootbridgeError('bad_signature');
  return signature;
}

interface Answering {
  readonly called: Called;
  readonly open: OpenPayload;
  readonly body: Buffer;
  readonly signature: VerifiedSignature | undefined;
  readonly signal: AbortSignal;
}

/** Whatever fails from here on is told in the target's own words, where it has words for it. */
async function answered(deps: HooksRoutesDeps, answering: Answering): Promise<HookAnswer> {
  const { called, open, body, signal } = answering;
  const { target, hook } = called;
  let payload: unknown;
  let call: HookCall | undefined;
  const done = (result: HookResult) => {
    const outcome = result.kind === 'refused' ? result.reason : result.kind;
    deps.onCall?.({ target: target.name, hook: hook.name, call: call?.kind ?? 'unread', result: outcome });
    return hook.answer(payload, result);
  };
  try {
    payload = await open(hook.name, body);
    call = hook.read(payload);
    await admit(deps, answering, call);
    await hear(deps, called, payload);
    return done(await deps.atLogin(target, call, signal));
  } catch (error) {
    // What is wrong with the call is the caller's, and told as that.
    if (isFootbridgeError(error) && error.status < 500) throw error;
    if (!OUTAGES.some((code) => isFootbridgeError(error, code)))
      deps.onError(error, `hook ${target.name}/${hook.name}`);
    const { retryAfterSeconds } = isFootbridgeError(error) ? error : {};
    return done({
      kind: 'refused',
      reason: 'legacy-down',
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    });
  }
}

/** Throws what `onUserEvent` throws, and target_unavailable. */
async function hear(
  { onUserEvent, targets }: HooksRoutesDeps,
  { target, hook }: Called,
  payload: unknown,
): Promise<void> {
  if (!onUserEvent || hook.isUnsigned) return;
  const event = await hook.event?.(payload, targets.connection(target.name));
  if (event) await onUserEvent(target, event);
}

const REPEATABLE: readonly HookCall['kind'][] = ['ignored', 'lookup', 'changed'];

/**
 * Each signature leads to something once. What leads to nothing may come again: a signature counts in whole seconds, and
 * two who look for the same person in the same second are told apart by nothing. So may what counts once by its own id.
 * Throws replayed, bad_request.
 */
async function admit(deps: HooksRoutesDeps, { signature }: Answering, { kind }: HookCall): Promise<void> {
  if (signature === undefined && !['announced', 'hinted', 'ignored'].includes(kind))
    throw new FootbridgeError('bad_request', { detail: `an unsigned call may not be ${kind}` });
  if (signature !== undefined && !REPEATABLE.includes(kind)) await takeOnce(deps, signature);
}

interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

/** Counted on each node: this only keeps strangers from keeping us busy. Throws throttled. */
function takeUnsigned(buckets: Map<Target, Bucket>, target: Target): void {
  const now = performance.now();
  const { tokens, atMs } = buckets.get(target) ?? { tokens: UNSIGNED_BURST, atMs: now };
  const refilled = Math.min(UNSIGNED_BURST, tokens + ((now - atMs) / 1_000) * UNSIGNED_PER_SECOND);
  if (refilled < 1) throw new FootbridgeError('throttled', { retryAfterSeconds: 1 });
  buckets.set(target, { tokens: refilled - 1, atMs: now });
}
