/** The instance as an OAuth server, as far as service users need it: a signed assertion for an access token. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import type { Actor, Instance } from './instance.ts';

const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
/** ZITADEL's. */
const LIFETIME_SECONDS = 43_199;

export interface ServiceUser extends Actor {
  /** A personal access token. */
  readonly token: string;
  readonly keyId: string;
  /** PEM. */
  readonly key: string;
}

export interface OAuthServer {
  addServiceUser(given?: { roles?: readonly string[]; organization?: string; token?: string }): ServiceUser;
  /** Undefined for a token that is none, or not any more. */
  actorOf(authorization: string | undefined): Actor | undefined;
  /** Ends every token that was handed out for a key; personal access tokens stay. */
  expireTokens(): void;
  readonly discovery: () => object;
  readonly keys: () => object;
  token(form: URLSearchParams): Promise<{ readonly status: number; readonly body: object }>;
}

export function openOAuth(instance: Instance, defaultOrganization: string): OAuthServer {
  const users = new Map<string, ServiceUser>();
  const tokens = new Map<string, { readonly actor: Actor; readonly expiresAt: number }>();
  return {
    addServiceUser({
      roles = ['IAM_OWNER'],
      organization = defaultOrganization,
      token = instance.newSecret(),
    } = {}) {
      const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
      const user: ServiceUser = {
        userId: instance.newId(),
        organization,
        roles,
        token,
        keyId: instance.newId(),
        key: privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
      };
      users.set(user.keyId, user);
      tokens.set(token, { actor: user, expiresAt: Number.POSITIVE_INFINITY });
      return user;
    },
    actorOf(authorization = '') {
      const found = tokens.get(/^Bearer (.+)$/.exec(authorization)?.[1] ?? '');
      return found && found.expiresAt > instance.now() ? found.actor : undefined;
    },
    expireTokens() {
      for (const [token, { expiresAt }] of tokens) if (Number.isFinite(expiresAt)) tokens.delete(token);
    },
    discovery: () => ({
      issuer: instance.url,
      authorization_endpoint: `${instance.url}/oauth/v2/authorize`,
      token_endpoint: `${instance.url}/oauth/v2/token`,
      userinfo_endpoint: `${instance.url}/oidc/v1/userinfo`,
      jwks_uri: `${instance.url}/oauth/v2/keys`,
      grant_types_supported: ['authorization_code', GRANT],
      response_types_supported: ['code', 'id_token', 'id_token token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      scopes_supported: ['openid', 'profile', 'email', 'phone', 'address', 'offline_access'],
      token_endpoint_auth_methods_supported: [
        'none',
        'client_secret_basic',
        'client_secret_post',
        'private_key_jwt',
      ],
      token_endpoint_auth_signing_alg_values_supported: ['RS256'],
      code_challenge_methods_supported: ['S256'],
    }),
    keys: () => ({ keys: [instance.key.publicJwk] }),
    async token(form) {
      try {
        const actor = await actorOfAssertion(form);
        const token = instance.newSecret();
        tokens.set(token, { actor, expiresAt: instance.now() + LIFETIME_SECONDS * 1_000 });
        return {
          status: 200,
          body: { access_token: token, token_type: 'Bearer', expires_in: LIFETIME_SECONDS },
        };
      } catch (error) {
        return {
          status: 400,
          body: { error: 'invalid_request', error_description: (error as Error).message },
        };
      }
    },
  };

  async function actorOfAssertion(form: URLSearchParams): Promise<Actor> {
    if (form.get('grant_type') !== GRANT) throw new Error('unsupported_grant_type');
    // Without the scope the token is for nothing of ZITADEL's own API.
    const scopes = (form.get('scope') ?? '').split(' ');
    if (!scopes.includes('openid') || !scopes.includes('urn:zitadel:iam:org:project:id:zitadel:aud'))
      throw new Error('the stand-in wants the scopes openid and urn:zitadel:iam:org:project:id:zitadel:aud');
    const assertion = form.get('assertion') ?? '';
    const user = users.get(decodeProtectedHeader(assertion).kid ?? '');
    if (!user) throw new Error('key not found');
    await jwtVerify(assertion, createPublicKey(user.key), {
      issuer: user.userId,
      subject: user.userId,
      audience: instance.url,
      algorithms: ['RS256'],
      currentDate: new Date(instance.now()),
      requiredClaims: ['iat', 'exp'],
      maxTokenAge: '1h',
      clockTolerance: 1,
    });
    return user;
  }
}
