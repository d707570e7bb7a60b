/**
 * oidc-provider's storage contract on top of the request's unit of work. The traps it settles are listed in
 * `docs/provider.md`: atomic consumption, sessions that merge, expiry by database time, ids that are hashed at rest.
 */
import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider';
import { errors } from 'oidc-provider';
import { nowSeconds } from '../clock.ts';
import { isFootbridgeError } from '../errors.ts';
import type { Keyring } from '../store/encryption.ts';
import { InteractionAdapter } from './interaction-cookie.ts';
import type { StoredRecord } from './record.ts';
import { newRecord } from './record.ts';
import type { RequestScope, Scopes } from './request-scope.ts';
import { currentScope } from './request-scope.ts';

/** No id of ours is longer, and none contains anything else: such a value is not looked up at all. */
const ID = /^[A-Za-z0-9_-]{1,128}$/;

/** `interactionSeconds`: how long a login may take. */
export function adapterFactory(scopes: Scopes, keyring: Keyring, interactionSeconds: number): AdapterFactory {
  return (name) => {
    if (name === 'Interaction') return new InteractionAdapter(scopes, keyring);
    return name === 'PushedAuthorizationRequest'
      ? new PushedRequestAdapter(name, scopes, interactionSeconds)
      : new RecordAdapter(name, scopes);
  };
}

class RecordAdapter implements Adapter {
  readonly #kind: string;
  readonly #scopes: Scopes;

  constructor(kind: string, scopes: Scopes) {
    this.#kind = kind;
    this.#scopes = scopes;
  }

  get #scope(): RequestScope {
    return currentScope(this.#scopes);
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    if (!ID.test(id)) return undefined;
    const record = await this.#scope.find(this.#kind, id).catch(asProtocolError);
    return record && { ...payloadOf(record), jti: id };
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    if (!ID.test(uid)) return undefined;
    const record = await this.#scope.findSession(uid).catch(asProtocolError);
    return record && payloadOf(record);
  }

  async findByUserCode(): Promise<undefined> {
    return undefined; // the device flow is off
  }

  async upsert(id: string, payload: AdapterPayload, expiresInSeconds: number | undefined): Promise<void> {
    // The library makes a new session for every cookie whose session has ended: with nobody in it, and nothing to remember.
    if (this.#kind === 'Session' && !payload.accountId && !payload.state) return;
    const record = newRecord(this.#kind, id, payload, expiresInSeconds);
    // Two requests that use one jti or DPoP proof at once both find nothing: only one of them may write it.
    if (this.#kind === 'ReplayDetection') this.#scope.saveOnce(record);
    else this.#scope.save(record);
  }

  async consume(id: string): Promise<void> {
    this.#scope.consume(this.#kind, id);
  }

  async destroy(id: string): Promise<void> {
    if (this.#kind === 'Grant') this.#scope.revokeGrant(id);
    else this.#scope.destroy(this.#kind, id);
  }

  /** Called once per model; the grant takes everything along at the first call. */
  async revokeByGrantId(grantId: string): Promise<void> {
    this.#scope.revokeGrant(grantId);
  }
}

/**
 * Begins a login within its minute, and is used up when that login ends, which may be later: its row stays until no login that
 * it began can end any more, so that it gives one code only (RFC 9126 section 7.3).
 */
class PushedRequestAdapter extends RecordAdapter {
  readonly #interactionSeconds: number;

  constructor(kind: string, scopes: Scopes, interactionSeconds: number) {
    super(kind, scopes);
    this.#interactionSeconds = interactionSeconds;
  }

  override upsert(id: string, payload: AdapterPayload, expiresInSeconds: number): Promise<void> {
    // Each row says how much longer it stays: settings change, and a version before ours kept it for its minute only.
    const staysSeconds = this.#interactionSeconds;
    return super.upsert(id, { ...payload, staysSeconds }, expiresInSeconds + staysSeconds);
  }
}

function payloadOf(record: StoredRecord): AdapterPayload {
  const consumed = record.consumedAt ? { consumed: Math.floor(record.consumedAt.getTime() / 1000) } : {};
  // A copy: the library changes what it gets, and what was read is compared with what is written.
  // Whether it lives is for our database's clock to say, and every read asks it: this node's may be ahead.
  const { exp, staysSeconds = 0 } = record.payload as { exp?: unknown; staysSeconds?: number };
  const isOver = record.secondsLeft != null && record.secondsLeft <= staysSeconds;
  const lives =
    typeof exp === 'number' ? { exp: isOver ? nowSeconds() - 1 : Math.max(exp, nowSeconds() + 1) } : {};
  return { ...(copied(record.payload) as object), ...lives, ...consumed } as AdapterPayload;
}

/** Of JSON, which is all that a row can hold: several times faster than a structured clone. */
function copied(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copied);
  if (value === null || typeof value !== 'object') return value;
  const out: Record<string, unknown> = {};
  // `claims` comes from clients; a key of this name would be taken for something else than a key.
  for (const key of Object.keys(value))
    if (key !== '__proto__') out[key] = copied((value as Record<string, unknown>)[key]);
  return out;
}

/** A lost database is `temporarily_unavailable` with status 503 (RFC 6749 section 4.1.2.1), never `server_error`. */
export function asProtocolError(error: unknown): never {
  if (!isFootbridgeError(error, 'storage_unavailable') && !isFootbridgeError(error, 'legacy_unavailable'))
    throw error;
  const out = new errors.CustomOIDCProviderError('temporarily_unavailable', error.message);
  throw Object.assign(out, { status: 503, statusCode: 503, cause: error });
}
