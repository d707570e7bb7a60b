/** Who may sign people in with the hub. */
import { randomBytes, randomUUID } from 'node:crypto';

export interface HubWebhook {
  url: string;
  readonly secret: string;
}

export interface HubApp {
  readonly name: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Compared letter by letter. */
  readonly redirectUris: string[];
  /** Without the beginning `zaikio.` or `directory.`, which are one to the hub. */
  readonly desiredScopes: string[];
  readonly webhooks: HubWebhook[];
  /** Signs what is sent to webhooks. */
  readonly sharedSecret: string;
  /** For reading events again. */
  readonly eventPassword: string;
}

export interface NewApp {
  readonly name?: string;
  readonly clientId?: string;
  readonly clientSecret?: string;
  readonly redirectUris?: readonly string[];
  readonly desiredScopes?: readonly string[];
  readonly sharedSecret?: string;
}

export function newApp(given: NewApp = {}): HubApp {
  const secret = () => randomBytes(24).toString('base64url');
  return {
    name: given.name ?? 'footbridge',
    clientId: given.clientId ?? randomUUID(),
    clientSecret: given.clientSecret ?? secret(),
    redirectUris: [...(given.redirectUris ?? [])],
    desiredScopes: [
      ...(given.desiredScopes ?? ['person.r', 'organization.r', 'organization_members.r', 'organizations.w']),
    ],
    webhooks: [],
    sharedSecret: given.sharedSecret ?? secret(),
    eventPassword: secret(),
  };
}
