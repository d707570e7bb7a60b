/** Events: sent to webhooks, signed, at least once and in no order; and kept, to be read again. */
import { createHmac, randomUUID } from 'node:crypto';
import { request } from 'undici';
import type { HubApp } from './apps.ts';
import type { Bearer } from './directory.ts';

export interface HubEvent {
  readonly id: string;
  /** With its beginning. */
  readonly name: string;
  readonly subject: string;
  readonly timestamp: string;
  readonly version: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly link?: string;
  readonly received_at: string;
}

export interface Delivery {
  readonly event: HubEvent;
  readonly app: HubApp;
  readonly url: string;
  /** Undefined: no answer within a second. */
  readonly status: number | undefined;
}

/** An event on its way to one webhook. */
export interface Held {
  readonly event: HubEvent;
  readonly app: HubApp;
}

export interface DeliverOptions {
  readonly signature?: 'good' | 'bad' | 'missing';
}

const DELIVERY_MS = 1_000;
const MAX_EVENTS = 10_000;

export type Loom = ReturnType<typeof openLoom>;

export function openLoom(options: { readonly now: () => Date; readonly prefix: string }) {
  const events: Held[] = [];
  const held: Held[] = [];
  const failed: Held[] = [];
  const deliveries: Delivery[] = [];
  const underWay = new Set<Promise<unknown>>();

  const post = async ({ event, app }: Held, { signature = 'good' }: DeliverOptions) => {
    const body = JSON.stringify(event);
    await Promise.all(
      app.webhooks.map(async ({ url, secret }) => {
        const right = createHmac('sha256', secret).update(body).digest('hex');
        const wrong = createHmac('sha256', `not ${secret}`).update(body).digest('hex');
        const status = await request(url, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            ...(signature !== 'missing' && { 'x-loom-signature': signature === 'good' ? right : wrong }),
          },
          body,
          signal: AbortSignal.timeout(DELIVERY_MS),
        }).then(
          async (answer) => {
            await answer.body.dump();
            return answer.statusCode;
          },
          () => undefined,
        );
        deliveries.push({ event, app, url, status });
        if (status === undefined || status >= 300) failed.push({ event, app });
      }),
    );
  };
  const deliver = (some: readonly Held[], how: DeliverOptions): Promise<unknown> => {
    const work = some.reduce<Promise<unknown>>(
      (before, one) => before.then(() => post(one, how)),
      Promise.resolve(),
    );
    underWay.add(work);
    return work.finally(() => underWay.delete(work));
  };

  const loom = {
    /** `held`: they wait for `deliver`; `lost`: no webhook hears of them, they can only be read again. */
    mode: 'at-once' as 'at-once' | 'held' | 'lost',
    prefix: options.prefix,
    events,
    held,
    /** Not answered with 2xx within a second: `redeliver` sends them again. */
    failed,
    deliveries,
    /** Something has happened. `name` is without its beginning. */
    tell(
      name: string,
      bearer: Bearer,
      { apps, payload = {} }: { apps: readonly HubApp[]; payload?: object },
    ): HubEvent {
      const at = options.now().toISOString();
      const event: HubEvent = {
        id: randomUUID(),
        name: `${loom.prefix}.${name}`,
        subject: `${bearer.type === 'Person' ? 'Per' : 'Org'}/${bearer.id}`,
        timestamp: at,
        version: '1.0',
        payload: payload as Record<string, unknown>,
        received_at: at,
      };
      for (const app of apps) {
        const one = { event, app };
        events.push(one);
        if (events.length > MAX_EVENTS) events.shift();
        if (loom.mode === 'held') held.push(one);
        if (loom.mode === 'at-once') void deliver([one], {});
      }
      return event;
    },
    /** Sends what is held: all, or what `pick` makes of it (twice, reversed, nothing). None is held afterwards. */
    async deliver(
      pick: (held: readonly Held[]) => readonly Held[] = (all) => all,
      how: DeliverOptions = {},
    ): Promise<void> {
      await deliver(pick(held.splice(0)), how);
    },
    /** Sends this one again, whatever became of it. */
    async resend(event: HubEvent, how: DeliverOptions = {}): Promise<void> {
      await deliver(
        events.filter((one) => one.event.id === event.id),
        how,
      );
    },
    redeliver: () => deliver(failed.splice(0), {}),
    /** Nothing is on its way any more. */
    async settled(): Promise<void> {
      while (underWay.size > 0) await Promise.allSettled([...underWay]);
    },
  };
  return loom;
}

export const PAGE = 100;

/** `GET /api/v1/events`: oldest first. */
export function eventsPage(all: readonly HubEvent[], url: URL, origin: string) {
  const from = Date.parse(zoned(url.searchParams.get('filter[from]')) ?? '') || 0;
  const to = Date.parse(zoned(url.searchParams.get('filter[to]')) ?? '') || Number.POSITIVE_INFINITY;
  const name = url.searchParams.get('filter[name]');
  const fit = all.filter((event) => {
    const at = Date.parse(event.timestamp);
    return at >= from && at <= to && (name === null || event.name === name);
  });
  const page = Math.max(1, Number(url.searchParams.get('page') ?? 1) || 1);
  const last = Math.max(1, Math.ceil(fit.length / PAGE));
  const linkTo = (at: number, rel: string) => {
    const there = new URL(`${url.pathname}${url.search}`, origin);
    there.searchParams.set('page', String(at));
    return `<${there}>; rel="${rel}"`;
  };
  const links = [
    ...(page < last ? [linkTo(page + 1, 'next')] : []),
    linkTo(last, 'last'),
    linkTo(1, 'first'),
    ...(page > 1 ? [linkTo(page - 1, 'prev')] : []),
  ];
  return {
    status: 200,
    headers: { 'total-count': String(fit.length), link: links.join(',') },
    body: fit.slice((page - 1) * PAGE, page * PAGE),
  };
}

/** Times are told without a zone, and are UTC. */
const zoned = (text: string | null) =>
  text === null || /(?:Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`;
