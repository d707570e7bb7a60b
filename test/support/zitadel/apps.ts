/** Applications of projects: the clients for whose people ZITADEL is the provider. Registered and proved as its source does. */
import type { KeyObject } from 'node:crypto';
import { generateKeyPairSync, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { OIDCAppTypeJson, OIDCAuthMethodTypeJson } from '@zitadel/proto/zitadel/app_pb.js';
import { ManagementService } from '@zitadel/proto/zitadel/management_pb.js';
import { decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { notFound } from './errors.ts';
import { handle } from './handlers.ts';
import type { Instance } from './instance.ts';

export interface App {
  readonly id: string;
  readonly clientId: string;
  readonly projectId: string;
  redirectUris: readonly string[];
  readonly type: OIDCAppTypeJson;
  readonly authMethod: OIDCAuthMethodTypeJson;
  /** Absent for apps that have none. */
  readonly secret?: string;
  /** By key id. */
  readonly keys: Map<string, KeyObject>;
  isDevMode: boolean;
  /** "User Info inside ID Token". */
  hasUserinfoInIdToken: boolean;
}

/** As zitadel/oidc answers it (RFC 6749 section 5.2), also at the authorization endpoint. */
export class OAuthRefusal extends Error {
  readonly status: number;
  readonly error: string;

  constructor(error: string, description: string, status = 400) {
    super(description);
    this.error = error;
    this.status = status;
  }

  toJSON(): object {
    return { error: this.error, error_description: this.message };
  }
}

export const appHandlers = handle(ManagementService, {
  addOIDCApp({ projectId = '', redirectUris = [], ...given }, { instance, organization }) {
    if (!instance.projects.has(projectId)) throw notFound('COMMAND-6ihxx', 'Errors.Project.NotFound');
    const authMethod = given.authMethodType ?? 'OIDC_AUTH_METHOD_TYPE_BASIC';
    const hasSecret = /BASIC|POST/.test(authMethod);
    const app: App = {
      id: instance.newId(),
      clientId: instance.newId(),
      projectId,
      redirectUris,
      type: given.appType ?? 'OIDC_APP_TYPE_WEB',
      authMethod,
      ...(hasSecret && { secret: instance.newSecret() }),
      keys: new Map(),
      isDevMode: given.devMode ?? false,
      hasUserinfoInIdToken: given.idTokenUserinfoAssertion ?? false,
    };
    instance.apps.set(app.clientId, app);
    const { id: appId, clientId, secret: clientSecret } = app;
    const details = instance.detailsHere(organization);
    return { appId, clientId, details, ...(clientSecret && { clientSecret }) };
  },
  /** All of it is replaced: what is left out is off. */
  updateOIDCAppConfig({ projectId, appId, redirectUris = [], ...given }, { instance, organization }) {
    const app = appOf(instance, projectId, appId);
    app.redirectUris = redirectUris;
    app.isDevMode = given.devMode ?? false;
    app.hasUserinfoInIdToken = given.idTokenUserinfoAssertion ?? false;
    return { details: instance.detailsHere(organization) };
  },
  addAppKey({ projectId, appId }, { instance, organization }) {
    const app = appOf(instance, projectId, appId);
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const keyId = instance.newId();
    app.keys.set(keyId, publicKey);
    const key = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
    const file = { type: 'application', keyId, key, appId: app.id, clientId: app.clientId };
    const keyDetails = Buffer.from(JSON.stringify(file)).toString('base64');
    return { id: keyId, details: instance.detailsHere(organization), keyDetails };
  },
});

function appOf(instance: Instance, projectId: string | undefined, id: string | undefined): App {
  const app = [...instance.apps.values()].find((one) => one.id === id && one.projectId === projectId);
  if (!app) throw notFound('COMMAND-Ss9fg', 'Errors.Project.App.NotFound');
  return app;
}

const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

interface Proof {
  readonly clientId: string;
  readonly secret: string;
  readonly assertion: string;
}

/** Basic is unescaped as RFC 6749 section 2.3.1 wants it; one method only. */
function proofOf(form: URLSearchParams, { authorization = '' }: IncomingHttpHeaders): Proof {
  const [clientId, secret, assertion] = ['client_id', 'client_secret', 'client_assertion'].map(
    (name) => form.get(name) ?? '',
  ) as [string, string, string];
  const isInForm = [secret && clientId, assertion].filter(Boolean).length;
  const basic = /^Basic (.+)$/i.exec(authorization)?.[1];
  if (isInForm + (basic ? 1 : 0) > 1)
    throw new OAuthRefusal('invalid_request', 'client authentication must not use more than one method');
  if (basic) {
    const [name = '', ...rest] = Buffer.from(basic, 'base64').toString('utf8').split(':');
    const unescaped = (text: string) => decodeURIComponent(text.replaceAll('+', ' '));
    return { clientId: unescaped(name), secret: unescaped(rest.join(':')), assertion };
  }
  if (assertion && form.get('client_assertion_type') !== ASSERTION)
    throw new OAuthRefusal('invalid_request', 'invalid client_assertion_type');
  if (!clientId && !assertion)
    throw new OAuthRefusal('invalid_request', 'client_id or client_assertion must be provided');
  return { clientId, secret, assertion };
}

/** Whose request it is. Secrets are taken from header and form alike, whichever of the two was registered. */
export async function authenticatedApp(
  instance: Instance,
  form: URLSearchParams,
  headers: IncomingHttpHeaders,
): Promise<App> {
  const { clientId, secret, assertion } = proofOf(form, headers);
  const app = instance.apps.get(assertion ? issuerOf(assertion) : clientId);
  if (!app) throw invalidClient('no active client not found');
  if (app.authMethod === 'OIDC_AUTH_METHOD_TYPE_PRIVATE_KEY_JWT') {
    if (!assertion) throw invalidClient('empty client assertion');
    await checkAssertion(instance, app, assertion);
  } else if (app.secret !== undefined) {
    if (!secret) throw invalidClient('empty client secret');
    if (!isSame(secret, app.secret)) throw invalidClient('invalid secret');
  }
  return app;
}

/** A 400, where RFC 6749 would have a 401. */
const invalidClient = (description: string) => new OAuthRefusal('invalid_client', description);

function issuerOf(assertion: string): string {
  try {
    return decodeJwt(assertion).iss ?? '';
  } catch {
    throw invalidClient('invalid assertion');
  }
}

/** Issuer and subject are the client, the audience is the issuer's own name, and it is at most an hour old. */
async function checkAssertion(instance: Instance, app: App, assertion: string): Promise<void> {
  try {
    const key = app.keys.get(decodeProtectedHeader(assertion).kid ?? '');
    if (!key) throw new Error('error fetching keys');
    await jwtVerify(assertion, key, {
      issuer: app.clientId,
      subject: app.clientId,
      audience: instance.url,
      algorithms: ['RS256'],
      currentDate: new Date(instance.now()),
      requiredClaims: ['iat', 'exp'],
      maxTokenAge: '1h',
      clockTolerance: 1,
    });
  } catch {
    throw invalidClient('invalid assertion');
  }
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
