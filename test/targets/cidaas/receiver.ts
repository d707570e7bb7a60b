/** Who is told by the stand-in's webhooks: reads as Footbridge does, and keeps what it has read. */
import { afterEach } from 'vitest';
import { isFootbridgeError } from '../../../src/errors.ts';
import { listen } from '../../../src/listener.ts';
import { openCidaasWebhook } from '../../../src/targets/cidaas/webhook.ts';
import { oneTargetSettings } from '../../../src/targets/target-settings.ts';
import type { TargetEvent } from '../../../src/targets/webhook.ts';
import type { CidaasStandIn } from '../../support/cidaas/index.ts';
import { APP } from '../../support/cidaas/index.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

export interface Receiver {
  readonly url: string;
  readonly events: TargetEvent[];
  /** What was answered, or why not. */
  readonly answers: (number | string)[];
  /** From now on each call is answered so, before it is read; undefined: as it should be. */
  answerWith(status: number | undefined): void;
}

export async function openReceiver(
  standIn: Pick<CidaasStandIn, 'url'>,
  webhook: object,
  { nowMs, cidaas = {} }: { readonly nowMs?: () => number; readonly cidaas?: object } = {},
): Promise<Receiver> {
  const target = oneTargetSettings.parse({
    name: 'new',
    kind: 'cidaas',
    displayName: 'New',
    loginUrl: 'https://new.example/',
    api: { url: standIn.url, clientCredentials: APP },
    webhook,
    cidaas,
  });
  const open = openCidaasWebhook(target, nowMs && { nowMs })!;
  const events: TargetEvent[] = [];
  const answers: (number | string)[] = [];
  let fixed: number | undefined;
  const server = await listen(
    async (req, res) => {
      const chunks: Buffer[] = [];
      for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk);
      if (fixed !== undefined) {
        res.writeHead(fixed).end();
        return;
      }
      try {
        const url = new URL(req.url!, 'http://receiver');
        events.push(await open.read(req.headers, Buffer.concat(chunks), url));
        answers.push(200);
        res.writeHead(200).end();
      } catch (error) {
        answers.push(isFootbridgeError(error) ? error.code : String(error));
        res.writeHead(isFootbridgeError(error) ? error.status : 500).end();
      }
    },
    { host: '127.0.0.1', port: 0 },
  );
  closing.push(
    () => server.close(0),
    () => open.close(),
  );
  return {
    url: `http://127.0.0.1:${server.port}/webhooks/new`,
    events,
    answers,
    answerWith: (status) => {
      fixed = status;
    },
  };
}

/** Sets up a webhook at the stand-in, as its documentation says. The answer’s status. */
export async function subscribe(
  standIn: CidaasStandIn,
  setup: Readonly<Record<string, unknown>>,
): Promise<number> {
  const post = async (path: string, body: object, authorization = '') => {
    const headers = { 'content-type': 'application/json', authorization };
    return fetch(standIn.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  };
  const credentials = { client_id: APP.clientId, client_secret: APP.secret };
  const answer = await post('/token-srv/token', { grant_type: 'client_credentials', ...credentials });
  const { access_token: token } = (await answer.json()) as { access_token: string };
  const whole = { events: ['ACCOUNT_MODIFIED', 'PASSWORD_CHANGED', 'ACCOUNT_DELETED'], ...setup };
  const response = await post('/webhook-srv/webhooks', whole, `Bearer ${token}`);
  await response.arrayBuffer();
  return response.status;
}
