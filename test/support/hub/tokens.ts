/** Codes, access tokens as JWTs (RS256), refresh tokens. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { CryptoKey, JWK } from 'jose';
import { exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import type { HubApp } from './apps.ts';
import type { Bearer, Directory } from './directory.ts';
import { ROLES } from './directory.ts';
import { apiError } from './http.ts';

export interface Grant {
  readonly app: HubApp;
  readonly bearer: Bearer;
  readonly onBehalfOf?: string;
  readonly scopes: readonly string[];
}

export interface Code extends Grant {
  readonly redirectUri: string;
  readonly challenge: { readonly value: string; readonly isHashed: boolean } | undefined;
  readonly until: number;
}

interface SigningKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
}

/** What a forger has: the claims as they would be, and the key in use. */
export type Forge = (claims: Record<string, unknown>, key: SigningKey) => string | Promise<string>;

export interface TokensOptions {
  readonly now: () => Date;
  readonly tokenSeconds: number;
  readonly issuerUrl: () => string;
}

const CODE_SECONDS = 60;
const REFRESH_SECONDS = 7 * 86_400;

/** Making one takes long: every hub begins with the same. */
let first: Promise<SigningKey> | undefined;

async function newKey(): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair('RS256', { extractable: true });
  const jwk = await exportJWK(publicKey);
  const kid = createHash('sha256').update(String(jwk.n)).digest('hex');
  return { kid, privateKey, publicKey, jwk: { ...jwk, kid } };
}

export type Tokens = Awaited<ReturnType<typeof openTokens>>;

export async function openTokens(directory: Directory, { now, tokenSeconds, issuerUrl }: TokensOptions) {
  const seconds = () => now().getTime() / 1_000;
  first ??= newKey();
  const keys = [await first];
  const codes = new Map<string, Code>();
  const refreshes = new Map<string, Grant & { readonly until: number }>();
  const issued = new Map<string, Grant>();
  const revoked = new Set<string>();
  const random = () => randomBytes(32).toString('base64url');
  const knobs: { forge: Forge | undefined; tokenSeconds: number } = { forge: undefined, tokenSeconds };

  const rolesOf = ({ bearer, onBehalfOf }: Grant): readonly string[] =>
    onBehalfOf === undefined ? [] : (directory.membership(bearer.id, onBehalfOf)?.roles ?? []);

  const accessToken = async (grant: Grant): Promise<string> => {
    const { bearer, onBehalfOf, scopes } = grant;
    const jti = randomUUID();
    const bits = rolesOf(grant).reduce(
      (sum, role) => sum + 2 ** (ROLES as readonly string[]).indexOf(role),
      0,
    );
    const claims = {
      iss: 'ZAI',
      sub: `${onBehalfOf === undefined ? '' : `Person/${onBehalfOf}>`}${bearer.type}/${bearer.id}`,
      aud: [...new Set(scopes.map((scope) => scope.split('.')[0]!))],
      jti,
      nbf: Math.floor(seconds()),
      exp: Math.floor(seconds() + knobs.tokenSeconds),
      jku: `${issuerUrl()}/api/v1/jwt_public_keys`,
      scope: [...scopes],
      ...(onBehalfOf !== undefined && { roles: bits }),
    };
    issued.set(jti, grant);
    const key = keys.at(-1)!;
    if (knobs.forge) return knobs.forge(claims, key);
    return new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: key.kid }).sign(key.privateKey);
  };

  return {
    knobs,
    codes,
    issued,
    revoked,
    /** All that are published, the newest last. */
    keys,
    /** From now on a new key signs; the old ones stay published. */
    rotate: async () => {
      keys.push(await newKey());
    },
    newCode(code: Omit<Code, 'until'>): string {
      const text = random();
      codes.set(text, { ...code, until: seconds() + CODE_SECONDS });
      return text;
    },
    /** Good once, whatever becomes of it. */
    takeCode(text: string): Code | undefined {
      const code = codes.get(text);
      codes.delete(text);
      return code && code.until > seconds() ? code : undefined;
    },
    takeRefresh(text: string, app: HubApp): Grant | undefined {
      const grant = refreshes.get(text);
      if (grant?.app !== app) return undefined;
      refreshes.delete(text);
      return grant.until > seconds() ? grant : undefined;
    },
    async answer(grant: Grant, expiresIn: 'seconds' | 'date'): Promise<Record<string, unknown>> {
      const { bearer, onBehalfOf, scopes } = grant;
      const refresh = random();
      refreshes.set(refresh, { ...grant, until: seconds() + REFRESH_SECONDS });
      const until = new Date((seconds() + knobs.tokenSeconds) * 1_000);
      return {
        access_token: await accessToken(grant),
        refresh_token: refresh,
        token_type: 'bearer',
        scope: scopes.join(','),
        audiences: [...new Set(scopes.map((scope) => scope.split('.')[0]!))],
        expires_in: expiresIn === 'date' ? until.toISOString() : knobs.tokenSeconds,
        bearer,
        ...(onBehalfOf !== undefined && {
          bearer_on_behalf_of: { id: onBehalfOf, type: 'Person', roles: rolesOf(grant) },
        }),
      };
    },
    /** Throws in the API's words. */
    async read(header: string | undefined): Promise<Grant & { readonly jti: string }> {
      const [, token] = /^Bearer (.+)$/.exec(header ?? '') ?? [];
      if (!token) throw apiError(403, 'no_authorization_passed');
      for (const { publicKey } of keys) {
        const read = await jwtVerify(token, publicKey, {
          algorithms: ['RS256'],
          issuer: 'ZAI',
          currentDate: now(),
        }).catch(() => undefined);
        const jti = read?.payload.jti;
        const grant = jti === undefined ? undefined : issued.get(jti);
        if (!jti || !grant || revoked.has(jti)) continue;
        return { ...grant, jti };
      }
      throw apiError(403, 'invalid_jwt');
    },
    /** The bearer has taken an app's access away. */
    revokeOf(app: HubApp, { type, id }: Bearer): void {
      const isTheirs = ({ app: its, bearer }: Grant) =>
        its === app && bearer.type === type && bearer.id === id;
      for (const [jti, grant] of issued) if (isTheirs(grant)) revoked.add(jti);
      for (const [text, grant] of refreshes) if (isTheirs(grant)) refreshes.delete(text);
    },
  };
}
