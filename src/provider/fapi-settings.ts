/**
 * What in the settings contradicts the FAPI 2.0 Security Profile (Final), each with what is expected instead. Nothing is
 * bent to fit: an operator who asks for the profile is told what stands in its way, before anybody relies on it.
 */
interface Key {
  readonly [member: string]: unknown;
}

/** As much of the provider's settings as the profile has something to say about. */
export interface Hardened {
  readonly issuer: string;
  readonly clients: readonly {
    readonly authMethod: string;
    readonly secret?: unknown;
    readonly pkce: string;
    readonly idTokenAlg?: string | undefined;
    readonly userinfoAlg?: string | undefined;
    readonly redirectUris: readonly string[];
    readonly jwks?: { readonly keys: readonly Key[] } | undefined;
    readonly jwksUri?: string | undefined;
    readonly backchannelLogoutUri?: string | undefined;
    readonly mayEnsure: readonly string[];
    readonly mayIssueClaimTokens: readonly string[];
  }[];
  readonly lifetimes: { readonly codeSeconds: number };
  readonly jwtIdp?: unknown;
}

export interface Contradiction {
  readonly path: (string | number)[];
  readonly message: string;
}

/** Section 5.3.2.1: the longest life of an authorization code. */
const MAX_CODE_SECONDS = 60;
/** Section 5.4.1. Elliptic keys need no bound of their own: both curves are longer than the 224 bits it names. */
const MIN_RSA_BITS = 2_048;
const LOOPBACK = /^(127(\.\d+){3}|localhost|\[::1\])$/;

export function contradictions(settings: Hardened): Contradiction[] {
  const found: Contradiction[] = [];
  const fail = (path: Contradiction['path'], message: string) =>
    found.push({ path, message: `${message} (profile fapi-2.0)` });
  const { protocol, hostname } = new URL(settings.issuer);
  if (protocol !== 'https:' && !LOOPBACK.test(hostname)) fail(['issuer'], 'expected an https address');
  if (settings.lifetimes.codeSeconds > MAX_CODE_SECONDS)
    fail(['lifetimes', 'codeSeconds'], `expected ${MAX_CODE_SECONDS} at most`);
  if (settings.jwtIdp !== undefined)
    fail(['jwtIdp'], 'the JWT hand-over logs people in by requests that are not pushed: leave it out');
  for (const [index, client] of settings.clients.entries())
    clientContradictions(client, (path, message) => fail(['clients', index, ...path], message));
  return found;
}

type Fail = (path: Contradiction['path'], message: string) => void;

function clientContradictions(client: Hardened['clients'][number], fail: Fail): void {
  if (client.authMethod !== 'private_key_jwt')
    fail(['authMethod'], 'expected private_key_jwt; mutual TLS is not supported here');
  if (client.secret !== undefined) fail(['secret'], 'a client proves itself with its key: no secret');
  if (client.pkce !== 'required') fail(['pkce'], 'expected required');
  for (const name of ['idTokenAlg', 'userinfoAlg'] as const)
    if (client[name] === 'RS256') fail([name], 'expected ES256: RS256 is not allowed');
  for (const name of ['jwksUri', 'backchannelLogoutUri'] as const)
    if (client[name]?.startsWith('http:')) fail([name], 'expected an https address');
  for (const [index, uri] of client.redirectUris.entries())
    if (/^http:/i.test(uri)) fail(['redirectUris', index], 'expected an https address');
  for (const name of ['mayEnsure', 'mayIssueClaimTokens'] as const)
    if (client[name].length > 0)
      fail([name], 'its routes take a bearer token, and every token is bound to a key: leave it out');
  keyContradictions(client.jwks?.keys ?? [], (path, message) => fail(['jwks', 'keys', ...path], message));
}

function keyContradictions(keys: readonly Key[], fail: Fail): void {
  const seen = new Set<unknown>();
  for (const [index, key] of keys.entries()) {
    const problem = keyProblem(key);
    if (problem) fail([index], problem);
    if (key.kid !== undefined && seen.has(key.kid)) fail([index, 'kid'], 'two keys share this kid');
    seen.add(key.kid);
  }
}

/** Kinds of keys by the algorithms of section 5.4.1, as a JWK names both. */
const KINDS: Readonly<Record<string, { readonly curve?: string; readonly algorithms: readonly string[] }>> = {
  RSA: { algorithms: ['PS256'] },
  EC: { curve: 'P-256', algorithms: ['ES256'] },
  OKP: { curve: 'Ed25519', algorithms: ['EdDSA', 'Ed25519'] },
};

function keyProblem(key: Key): string | undefined {
  if (key.d !== undefined || key.k !== undefined) return 'this is a secret: only the public key belongs here';
  const kind = KINDS[String(key.kty)];
  if (!kind || (kind.curve !== undefined && key.crv !== kind.curve))
    return 'expected an RSA key for PS256, a P-256 key for ES256, or an Ed25519 key for EdDSA';
  if (key.alg !== undefined && !kind.algorithms.includes(String(key.alg)))
    return `expected alg ${kind.algorithms.join(' or ')}`;
  if (key.kty === 'RSA' && bitsOf(key.n) < MIN_RSA_BITS) return `expected ${MIN_RSA_BITS} bits at least`;
  return undefined;
}

/** Of an unsigned number as a JWK writes it (RFC 7518 section 2). */
function bitsOf(modulus: unknown): number {
  const hex = Buffer.from(String(modulus), 'base64url').toString('hex');
  return hex ? BigInt(`0x${hex}`).toString(2).length : 0;
}
