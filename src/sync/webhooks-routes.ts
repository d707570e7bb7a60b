/** What targets tell us by themselves. It is only taken down here: whoever tells it waits a second, and not longer. */
import Router from '@koa/router';
import { z } from 'zod';
import { readBody } from '../body.ts';
import { FootbridgeError } from '../errors.ts';
import type { RouteDescription } from '../migration/json-routes.ts';
import { problems } from '../migration/json-routes.ts';
import type { Queryable } from '../store/db.ts';
import type { Targets } from '../targets/target.ts';
import type { SealEvent } from './inbox.ts';
import { putEvents } from './inbox.ts';

export interface WebhooksRoutesDeps {
  readonly db: Queryable;
  readonly targets: Pick<Targets, 'webhook'>;
  /** Told of errors that are ours. */
  readonly onError: (error: unknown, where: string) => void;
  /** For metrics: what became of an event that was signed. */
  readonly seal?: SealEvent;
  readonly onEvent?: (event: { readonly target: string; readonly result: 'new' | 'again' }) => void;
}

const TELL: RouteDescription = {
  method: 'POST',
  path: '/webhooks/:target',
  summary:
    'A target tells that something has changed there. Each event counts once, in any order; the answer says only that it was taken down.',
  scope: 'signature',
  parameters: z.object({ target: z.string() }),
  response: z.unknown(),
  errors: [
    'bad_request',
    'body_too_large',
    'unauthorized',
    'bad_signature',
    'not_found',
    'target_unavailable',
    'storage_unavailable',
  ],
};

/** For the API's description. */
export const webhooksOperations: readonly RouteDescription[] = [TELL];

export function webhooksRoutes({ db, targets, onError, onEvent, seal }: WebhooksRoutesDeps): Router {
  const router = new Router();
  router.post(TELL.path, problems({ onError }), async (ctx) => {
    const { target = '' } = ctx.params;
    const webhook = targets.webhook(target);
    if (!webhook) throw new FootbridgeError('not_found');
    const event = await webhook.read(ctx.req.headers, await readBody(ctx.req), ctx.URL);
    // Until it is stored it is the sender's, who sends it again.
    const isNew = (await putEvents(db, target, [event], seal)) > 0;
    onEvent?.({ target, result: isNew ? 'new' : 'again' });
    ctx.status = 200;
    ctx.body = '';
  });
  return router;
}
