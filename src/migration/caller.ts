/**
 * Who calls: a target, by an access token of one of its clients (RFC 6750) or by its signature over the body. A
 * signature covers neither path nor query, so it opens nothing that is read with GET, and what it writes must name the
 * user in the body.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { FootbridgeError, isFootbridgeError } from '../errors.ts';
import type { Target, Targets } from '../targets/target.ts';
import type { SignedCallDeps, SignedRequest } from './signed-calls.ts';
import { signatureHeader, takeSignedCall } from './signed-calls.ts';

export type MigrationScope = 'migration:read' | 'migration:secrets' | 'migration:write';

export interface Caller {
  /** As the audit log names it; also what the volume fuse counts by. */
  readonly actor: string;
  readonly target: Target;
  readonly isSigned: boolean;
}

export interface CallerDeps extends SignedCallDeps {
  readonly targets: Targets;
  /** For whose people the old login is over: such a target reads and fetches nothing any more. */
  readonly isOver?: (target: string) => boolean;
  /** The client and scopes behind an access token; undefined when it is not valid. */
  readonly resolveToken: (
    token: string,
  ) => Promise<{ readonly clientId: string; readonly scopes: readonly string[] } | undefined>;
}

/** ZITADEL's header under both names its notes give. */
const SIGNATURE_HEADERS = ['zitadel-signature', 'x-zitadel-signature'];
const SIGNED_SCOPES: readonly MigrationScope[] = ['migration:secrets', 'migration:write'];
/** RFC 6750 section 2.1, bounded: ours are far shorter. */
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]{1,4096}=*)$/i;

/** Throws unauthorized, bad_signature, replayed, insufficient_scope, already_retired, storage_unavailable. */
export async function authenticate(
  deps: CallerDeps,
  request: SignedRequest,
  scope: MigrationScope,
): Promise<Caller> {
  const caller = await callerOf(deps, request, scope);
  if (deps.isOver?.(caller.target.name)) throw new FootbridgeError('already_retired');
  return caller;
}

async function callerOf(deps: CallerDeps, request: SignedRequest, scope: MigrationScope): Promise<Caller> {
  const { authorization } = request.headers;
  const signature = signatureHeader(request.headers, SIGNATURE_HEADERS);
  if (authorization !== undefined) return byToken(deps, request.headers, scope);
  if (signature !== undefined) return bySignature(deps, { ...request, signature }, scope);
  throw new FootbridgeError('unauthorized');
}

/** The access token of an Authorization header (RFC 6750 section 2.1). Throws unauthorized where there is none at all. */
export function bearerOf({ authorization }: IncomingHttpHeaders): string | undefined {
  if (authorization === undefined) throw new FootbridgeError('unauthorized');
  return BEARER.exec(authorization)?.[1];
}

async function byToken(
  deps: CallerDeps,
  headers: IncomingHttpHeaders,
  scope: MigrationScope,
): Promise<Caller> {
  const token = bearerOf(headers);
  const client = token && (await deps.resolveToken(token));
  if (!client) throw new FootbridgeError('unauthorized', { detail: 'the access token is not valid' });
  const target = deps.targets.byClient(client.clientId);
  if (!target || !client.scopes.includes(scope)) {
    throw new FootbridgeError('insufficient_scope', {
      detail: target ? scope : `${client.clientId} belongs to no target`,
    });
  }
  return { actor: `client:${client.clientId}`, target, isSigned: false };
}

async function bySignature(
  deps: CallerDeps,
  { body, signature }: SignedRequest & { signature: string },
  scope: MigrationScope,
): Promise<Caller> {
  const owners = deps.targets.all.flatMap((target) => apiKeys(target).map((key) => ({ target, key })));
  const keys = owners.map(({ target, key }) => ({ id: `${target.name}/${key.id}`, key: key.key }));
  const keyId = await takeSignedCall(deps, { header: signature, body }, keys);
  const target = owners[keys.findIndex(({ id }) => id === keyId)]?.target;
  if (!target || !SIGNED_SCOPES.includes(scope)) throw new FootbridgeError('insufficient_scope');
  return { actor: `target:${target.name}`, target, isSigned: true };
}

/** A key named after a hook opens that hook and nothing else. */
function apiKeys({ hmacKeys, hooks = [] }: Target) {
  return hmacKeys.filter(({ id }) => !hooks.some(({ name }) => id === name || id.startsWith(`${name}.`)));
}

/** The challenge of a 401 or 403 (RFC 6750 section 3), if the error is one. */
export function challengeOf(
  error: unknown,
  headers: IncomingHttpHeaders,
  scope: MigrationScope,
): string | undefined {
  const realm = 'Bearer realm="footbridge"';
  if (isFootbridgeError(error, 'insufficient_scope'))
    return `${realm}, error="insufficient_scope", scope="${scope}"`;
  if (isFootbridgeError(error, 'bad_signature')) return realm;
  if (!isFootbridgeError(error, 'unauthorized')) return undefined;
  return headers.authorization === undefined ? realm : `${realm}, error="invalid_token"`;
}
