/** A ZITADEL for tests: `openZitadel()`. See the README beside it for what is faithful and what is guessed. */

import { actionV1Handlers } from './actions-v1-calls.ts';
import { actionHandlers } from './actions-v2.ts';
import { importHandlers } from './admin-import.ts';
import { appPage } from './app-endpoints.ts';
import { appHandlers } from './apps.ts';
import { sendJson } from './body.ts';
import type { Delivery, DeliveryOptions, Sender } from './delivery.ts';
import { openSender } from './delivery.ts';
import type { Drivers } from './drivers.ts';
import { openDrivers } from './drivers.ts';
import { type EventQueue, openEventQueue } from './event-queue.ts';
import { openExecutions } from './executions.ts';
import { factorHandlers } from './factors.ts';
import { grantHandlers } from './grants.ts';
import type { Handler } from './handlers.ts';
import { idpHandlers } from './idps.ts';
import { Instance } from './instance.ts';
import { instanceHandlers } from './instance-calls.ts';
import { instanceKey } from './instance-key.ts';
import { intentHandlers, intentPage } from './intents.ts';
import type { OAuthServer, ServiceUser } from './oauth.ts';
import { openOAuth } from './oauth.ts';
import { addOrganization, organizationHandlers } from './organizations.ts';
import { opens, SYSTEM } from './passwords.ts';
import type { Gateway, Page } from './server.ts';
import { openGateway } from './server.ts';
import { sessionHandlers } from './sessions.ts';
import { settingsHandlers } from './settings.ts';
import { userV1Handlers } from './users-v1.ts';
import { userHandlers } from './users-v2.ts';

export interface ZitadelOptions {
  /** Milliseconds since the epoch; the system's clock by default. */
  readonly now?: () => number;
}

export interface Zitadel extends Omit<Gateway, 'failures'>, Drivers {
  /** A personal access token of an IAM_OWNER. */
  readonly token: string;
  readonly serviceUser: ServiceUser;
  /** The default organization. */
  readonly organization: string;
  /** Everything it has stored, to look at and to arrange. */
  readonly instance: Instance;
  readonly oauth: OAuthServer;
  /** What was sent to targets of Actions, in order. */
  readonly deliveries: readonly Delivery[];
  readonly deliveryOptions: DeliveryOptions;
  readonly resend: Sender['resend'];
  /** Events on their way to targets. */
  readonly events: EventQueue;
  /** Something goes wrong with the next requests of a kind. */
  failNext: Gateway['failures']['plan'];
  /** Whether a login with this password would work. */
  opens(userId: string, password: string): Promise<boolean>;
  /** A further organization. */
  addOrganization(name: string, domain?: string): string;
}

const HANDLERS: ReadonlyMap<string, Handler> = new Map([
  ...userHandlers,
  ...factorHandlers,
  ...userV1Handlers,
  ...grantHandlers,
  ...idpHandlers,
  ...organizationHandlers,
  ...actionHandlers,
  ...intentHandlers,
  ...sessionHandlers,
  ...settingsHandlers,
  ...instanceHandlers,
  ...importHandlers,
  ...actionV1Handlers,
  ...appHandlers,
]);

export async function openZitadel({ now = Date.now }: ZitadelOptions = {}): Promise<Zitadel> {
  const instance = new Instance(await instanceKey(), now);
  const organization = addOrganization(instance, { name: 'ZITADEL', domain: 'zitadel.localhost' }, SYSTEM).id;
  const oauth = openOAuth(instance, organization);
  const serviceUser = oauth.addServiceUser();
  const sender = openSender(instance);
  const executions = openExecutions(instance, sender);
  const queue = openEventQueue(instance, executions);
  const gateway = await openGateway({
    instance,
    oauth,
    handlers: HANDLERS,
    executions,
    pages: [appPage(instance, organization), oauthPage(oauth), intentPage(instance)],
    defaultOrganization: organization,
  });
  instance.url = gateway.url;
  const closeGateway = gateway.close;
  return Object.assign(gateway, openDrivers(instance, oauth), {
    instance,
    oauth,
    organization,
    serviceUser,
    token: serviceUser.token,
    events: queue,
    deliveries: sender.deliveries,
    deliveryOptions: sender.options,
    resend: sender.resend,
    close: async () => {
      await queue.close();
      await closeGateway();
    },
    failNext: gateway.failures.plan.bind(gateway.failures),
    opens: (userId: string, password: string) => opens(instance.users.get(userId)!, password),
    addOrganization: (name: string, domain?: string) =>
      addOrganization(instance, { name, ...(domain && { domain }) }, SYSTEM).id,
  });
}

function oauthPage(oauth: OAuthServer): Page {
  return async (req, res, body) => {
    const path = req.url?.split('?')[0];
    if (path === '/.well-known/openid-configuration') sendJson(res, 200, oauth.discovery());
    else if (path === '/oauth/v2/keys') sendJson(res, 200, oauth.keys());
    else if (path === '/oauth/v2/token' && req.method === 'POST') {
      const { status, body: answer } = await oauth.token(new URLSearchParams(body.toString('utf8')));
      sendJson(res, status, answer);
    } else if (path === '/debug/healthz' || path === '/debug/ready') sendJson(res, 200, {});
    else return false;
    return true;
  };
}
