/** What callers of the drop-ins call: who they are, what they may send, and what they are answered. */
import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import { z } from 'zod';
import { readBody } from '../../body.ts';
import { FootbridgeError, isFootbridgeError } from '../../errors.ts';
import type { Keyring } from '../../store/encryption.ts';
import type { RouteDescription } from '../json-routes.ts';
import { problems } from '../json-routes.ts';
import { challengeFor, isCaller } from './caller-credentials.ts';
import { CONTRACTS } from './contracts/index.ts';
import type { Answer, DropInContract, LookedUp, Verdict } from './drop-in.ts';
import type { DropInSettings } from './drop-in-settings.ts';
import type { LookUpDeps } from './looking-up.ts';
import { lookUp } from './looking-up.ts';
import type { Prove, ProvingDeps } from './proving.ts';
import { openProving } from './proving.ts';

/**
 * `refused`: the caller's fault; `unavailable`: we, or those we need, cannot do it now; `failed`: a fault of ours. The
 * others are what the caller was told.
 */
export type DropInResult = Verdict['kind'] | LookedUp['kind'] | 'refused' | 'unavailable' | 'failed';

export interface DropInsRoutesDeps extends ProvingDeps, LookUpDeps {
  readonly keyring: Pick<Keyring, 'mac' | 'macs' | 'equal'>;
  readonly targets: ProvingDeps['targets'];
  readonly dropIns: readonly DropInSettings[];
  /** Told of errors that are ours. */
  readonly onError: (error: unknown, where: string) => void;
  /** For metrics. */
  readonly onCall?: (call: { readonly dropIn: string; readonly result: DropInResult }) => void;
}

type Call = DropInContract['calls'][number];

const ALL_CALLS = Object.values(CONTRACTS).flatMap(({ calls }) => calls);
const methodOf = (call: Call) => (call.asks === 'person' ? call.method : 'POST');

/** For the API's description. */
export const dropInOperations: readonly RouteDescription[] = ALL_CALLS.map((call) => ({
  method: methodOf(call),
  path: call.path,
  summary: call.summary,
  scope: 'drop-in',
  parameters: z.object(
    Object.fromEntries([...call.path.matchAll(/:(\w+)/g)].map(([, name]) => [name, z.string()])),
  ),
  ...(call.request ? { request: call.request } : {}),
  response: call.response,
  errors: [
    'bad_request',
    'body_too_large',
    'unauthorized',
    'hashing_overloaded',
    'legacy_unavailable',
    'target_unavailable',
    'storage_unavailable',
    ...(call.errors ?? []),
  ],
}));

/** To be mounted before the hooks of the targets, whose one route would take some of these. */
export function dropInsRoutes(deps: DropInsRoutesDeps): Router {
  const router = new Router();
  const prove = openProving(deps);
  for (const { kind, calls } of Object.values(CONTRACTS)) {
    const ours = deps.dropIns.filter((dropIn) => dropIn.kind === kind);
    if (ours.length === 0) continue;
    for (const call of calls) {
      const paths = [call.path, ...(call.asks === 'password' && call.alone ? [call.alone] : [])];
      for (const path of paths)
        router.register(path, [methodOf(call)], served({ ...deps, prove }, call, ours));
    }
  }
  return router;
}

interface Serving extends DropInsRoutesDeps {
  readonly prove: Prove;
}

/** A name that is none of ours may be somebody else's route. */
function served(deps: Serving, call: Call, ours: readonly DropInSettings[]): Middleware {
  return async (ctx, next) => {
    const dropIn = named(ours, (ctx as Context & { params: { name?: string } }).params.name);
    if (!dropIn) return next();
    const { auth, name } = dropIn;
    const answering = problems({
      // The path may name a person.
      onError: (error) => deps.onError(error, `drop-in ${name}`),
      challenge: ({ code }) =>
        code === 'unauthorized' ? challengeFor(auth) : code === 'wrong_password' ? 'FormBased' : undefined,
    });
    const asked = { dropIn, call };
    await answering(ctx as Context, async () => {
      const { status, body } = await counted(deps, dropIn, () => answered(deps, asked, ctx as Context));
      ctx.status = status;
      ctx.body = JSON.stringify(body);
      ctx.type = 'application/json';
    });
  };
}

/** Without a name, the one that there is. */
function named(ours: readonly DropInSettings[], wanted: string | undefined): DropInSettings | undefined {
  if (wanted !== undefined) return ours.find(({ name }) => name === wanted);
  return ours.length === 1 ? ours[0] : undefined;
}

interface Asked {
  readonly dropIn: DropInSettings;
  readonly call: Call;
}

/** Nothing of a caller who has not shown who it is gets read. */
async function answered(deps: Serving, { dropIn, call }: Asked, ctx: Context): Promise<Answered> {
  const { keyring } = deps;
  if (!isCaller(keyring, dropIn.auth, ctx.req.headers)) throw new FootbridgeError('unauthorized');
  const body = methodOf(call) === 'GET' ? Buffer.alloc(0) : await readBody(ctx.req);
  const read = { path: ctx.path, body, keyring };
  if (call.asks === 'person') {
    const looked = await lookUp(deps, { dropIn, call, login: call.read(read, dropIn) });
    return { result: looked.kind, answer: () => call.answer(looked, dropIn) };
  }
  const claim = call.read(read, dropIn);
  const verdict = await deps.prove(dropIn, claim).catch((error) => {
    throw call.maxRetryAfter === undefined ? error : impatient(error, call.maxRetryAfter);
  });
  return { result: verdict.kind, answer: () => call.answer(verdict, dropIn) };
}

/** The same error, to come back sooner. */
function impatient(error: unknown, maxRetryAfter: number): unknown {
  if (!isFootbridgeError(error)) return error;
  const { code, detail = '', retryAfterSeconds = maxRetryAfter, cause } = error;
  return new FootbridgeError(code, {
    detail,
    cause,
    retryAfterSeconds: Math.min(retryAfterSeconds, maxRetryAfter),
  });
}

interface Answered {
  readonly result: DropInResult;
  /** In the contract's words, of which some are errors. */
  readonly answer: () => Answer;
}

/** Each call once, however it ends. */
async function counted(
  { onCall }: DropInsRoutesDeps,
  { name }: { readonly name: string },
  work: () => Promise<Answered>,
): Promise<Answer> {
  const done = await work().catch((error: unknown) => {
    onCall?.({ dropIn: name, result: resultOf(error) });
    throw error;
  });
  onCall?.({ dropIn: name, result: done.result });
  return done.answer();
}

function resultOf(error: unknown): DropInResult {
  if (!isFootbridgeError(error)) return 'failed';
  if (error.status === 503) return 'unavailable';
  return error.status < 500 ? 'refused' : 'failed';
}
