/**
 * What legacy apps tell of their own changes: signed, or with an access token. Kept for good before it is answered, so whoever
 * gets no answer sends it again, and it counts once.
 */
import Router from '@koa/router';
import { readBody } from '../../body.ts';
import type { ErrorCode } from '../../errors.ts';
import { FootbridgeError, isFootbridgeError } from '../../errors.ts';
import type { CallerDeps } from '../../migration/caller.ts';
import type { RouteDescription } from '../../migration/json-routes.ts';
import { InvalidInput, parseJson, problems } from '../../migration/json-routes.ts';
import type { SignedCallDeps } from '../../migration/signed-calls.ts';
import type { Hearing } from '../hearing.ts';
import type { Change, ChangeQueue, Lane } from '../queue/change-queue.ts';
import type { TellingDeps } from './caller.ts';
import { authenticate, challenge, SCOPE } from './caller.ts';
import type { ChangeItem, ItemProblem, Told } from './change-items.ts';
import { changesAnswer, changesRequest, hintFor, refused, toldIn } from './change-items.ts';
import { openRate } from './rate.ts';
import type { StoreUser, UserOf } from './store-users.ts';

const TELL: RouteDescription = {
  method: 'POST',
  path: '/legacy/changes',
  summary:
    'A legacy app tells whom it has changed: one, or up to 1,000. 202 when it is kept; what is told twice counts once.',
  scope: SCOPE,
  request: changesRequest,
  response: changesAnswer,
  status: 202,
  errors: [
    'bad_request',
    'body_too_large',
    'unauthorized',
    'bad_signature',
    'replayed',
    'insufficient_scope',
    'throttled',
    'backlog_full',
    'hashing_overloaded',
    'legacy_unavailable',
    'storage_unavailable',
  ],
};

/** For the API's description. */
export const legacyChangesOperations: readonly RouteDescription[] = [TELL];

export interface ChangesRoutesDeps extends SignedCallDeps {
  readonly queue: Pick<ChangeQueue, 'put'>;
  readonly hearing: Pick<Hearing, 'hearing' | 'isFull'>;
  readonly intake: { readonly hmacKeys: TellingDeps['hmacKeys']; readonly perSecond: number };
  readonly resolveToken: CallerDeps['resolveToken'];
  readonly userOf: UserOf;
  /** The person has chosen this password in the store, an app says; see `PasswordSync.caught`. */
  readonly onPassword: (sub: string, password: string) => Promise<unknown>;
  /** Told of errors that are ours. */
  readonly onError: (error: unknown, where: string) => void;
  /** For metrics. */
  readonly onChanges?: (told: {
    readonly result: 'taken' | 'again' | 'idle' | 'refused';
    readonly count: number;
  }) => void;
  /** Milliseconds that no change of the clock moves. */
  readonly elapsed?: () => number;
}

export function changesRoutes(deps: ChangesRoutesDeps): Router {
  const router = new Router();
  const rate = openRate(deps.intake.perSecond, deps.elapsed);
  const telling = { ...deps, hmacKeys: deps.intake.hmacKeys };
  const guarded = problems({
    onError: deps.onError,
    challenge: (error, ctx) => challenge(error, ctx.req.headers),
  });
  router.post(TELL.path, guarded, async (ctx) => {
    const body = await readBody(ctx.req);
    const take = await authenticate(telling, { headers: ctx.req.headers, body });
    rate.check();
    if (await deps.hearing.isFull())
      throw new FootbridgeError('backlog_full', { retryAfterSeconds: FULL_SECONDS });
    // A signature is used up only by a call that there is room for.
    await take();
    const told = toldIn(parseJson(body));
    rate.spend(told.items.length + told.problems.length);
    ctx.body = await taken(deps, told);
    ctx.status = 202;
  });
  return router;
}

const FULL_SECONDS = 10;

/** Hashing takes long, and the caller waits for it. */
const MAX_PASSWORDS = 20;

async function taken(deps: ChangesRoutesDeps, told: Told) {
  const { hearing, queue, onChanges } = deps;
  const known = told.items.map((one) => ({ ...one, user: deps.userOf(one.item.user, one.item.store) }));
  const about = known.flatMap(({ user, ...one }): Item[] => (user ? [{ ...one, ...user }] : []));
  const nobody = known.flatMap(({ index, user }) =>
    user ? [] : [refused(index, 'bad_request', '#/user', NOBODY)],
  );
  const targets = await hearing.hearing();
  const [good, notNow] = targets.length > 0 ? await caught(deps, about) : [about, []];
  const failed = [...told.problems, ...nobody, ...notNow].sort((a, b) => a.index - b.index);
  if (told.isSingle && failed[0]) throw failureOf(failed[0]);
  const changes = good.flatMap((one) => changesFor(one, { targets, lane: told.lane }));
  const isNew = await queue.put(changes);
  // One and the same change is new for all targets, or for those that had not heard of it.
  const taken = Math.ceil(isNew / (targets.length || 1));
  const again = targets.length > 0 ? good.length - taken : 0;
  const idle = targets.length > 0 ? 0 : good.length;
  for (const [result, count] of Object.entries({ taken, again, idle, refused: failed.length }))
    if (count > 0) onChanges?.({ result: result as 'taken', count });
  return {
    taken,
    again,
    ...(idle > 0 ? { idle } : {}),
    ...(failed.length > 0 ? { problems: failed } : {}),
  };
}

const NOBODY = 'no user of a store of ours; with several stores, `store` says whose';

/** Of one alone, its problem is the answer. */
function failureOf({ code, pointer, detail }: ItemProblem): FootbridgeError {
  if (code !== 'bad_request') return new FootbridgeError(code, { retryAfterSeconds: AGAIN_SECONDS });
  return new InvalidInput([
    { code: 'custom', path: pointer.split('/').slice(3), message: detail, input: undefined },
  ]);
}

function changesFor(
  { item, sub, store }: Item,
  { targets, lane }: { readonly targets: readonly string[]; readonly lane: Lane },
): Change[] {
  const hint = hintFor(item, Date.now());
  const common = { source: `legacy:${store}`, id: `told:${item.id}`, person: sub, lane, hint };
  return targets.map((target) => ({ ...common, target }));
}

interface Item extends StoreUser {
  readonly index: number;
  readonly item: ChangeItem;
}

/** Passwords are tried before anything is kept: of whom that could not be done is told again. */
async function caught(deps: ChangesRoutesDeps, items: readonly Item[]): Promise<[Item[], ItemProblem[]]> {
  const good: Item[] = [];
  const failed: ItemProblem[] = [];
  let tried = 0;
  for (const one of items) {
    const { index, sub, item } = one;
    if (item.password !== undefined && ++tried > MAX_PASSWORDS) {
      failed.push(
        refused(index, 'bad_request', '#/password', `at most ${MAX_PASSWORDS} passwords in one call`),
      );
      continue;
    }
    try {
      // Whether it opened anything is nobody's business who does not know it.
      if (item.password !== undefined) await deps.onPassword(sub, item.password);
      good.push(one);
    } catch (error) {
      if (!isFootbridgeError(error) || !AGAIN.has(error.code)) throw error;
      failed.push(refused(index, error.code, '#'));
    }
  }
  return [good, failed];
}

/** Told again a little later, it can be done. */
const AGAIN = new Set<ErrorCode>(['legacy_unavailable', 'hashing_overloaded']);
const AGAIN_SECONDS = 5;
