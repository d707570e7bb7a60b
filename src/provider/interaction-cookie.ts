/**
 * A login under way lives in its browser, not in our database: the interaction travels in an encrypted,
 * authenticated cookie scoped to its own two paths. An anonymous visitor therefore costs no row, no statement and no
 * commit, and cannot fill a table. What must not happen twice (turning a finished interaction into a code) is marked
 * by one row, written in the same commit as the code.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Adapter, AdapterPayload } from 'oidc-provider';
import { lately } from '../lately.ts';
import type { Keyring } from '../store/encryption.ts';
import { newRecord, recordKey } from './record.ts';
import type { RequestScope, Scopes } from './request-scope.ts';
import { currentScope } from './request-scope.ts';

export const INTERACTION_COOKIE = 'fb_interaction';
export const LOGIN_PATH = '/login';
const AUTHORIZATION_PATH = '/auth';
/** Browsers keep 4,096 bytes per cookie, name and attributes included (RFC 6265 section 6.1). */
const COOKIE_BYTES = 3_600;
/** A decompressed interaction is never larger: each of its parameters is bounded at the front door. */
const INTERACTION_BYTES = 256 * 1024;
/** What fits into a cookie as it is, is put there as it is: making a small text smaller costs more than the whole seal. */
const PLAIN_BYTES = 2_400;
/** Some 10 MB at most. */
const OPENED_LATELY = 1_000;
/** First byte of what is sealed. */
const PLAIN = Buffer.from([0]);
const DEFLATED = Buffer.from([1]);
/** Stands in the cookie when the interaction was too large for it and lies in a row instead. */
const IN_A_ROW = 'row';
const UID = /^[A-Za-z0-9_-]{1,64}$/;

export class InteractionAdapter implements Adapter {
  readonly #scopes: Scopes;
  readonly #keyring: Keyring;
  /** By what is in the cookie: the page, its form and the way back open one and the same, each of them several times. */
  readonly #opened = lately<{ uid: string; text: string }>(OPENED_LATELY);

  constructor(scopes: Scopes, keyring: Keyring) {
    this.#scopes = scopes;
    this.#keyring = keyring;
  }

  async find(uid: string): Promise<AdapterPayload | undefined> {
    if (!UID.test(uid)) return undefined;
    const scope = currentScope(this.#scopes);
    const cookie = scope.ctx.cookies.get(INTERACTION_COOKIE, { signed: false });
    if (!cookie) return undefined;
    if (cookie === IN_A_ROW) {
      const record = await scope.find('Interaction', uid);
      return record && ({ ...record.payload, jti: uid } as AdapterPayload);
    }
    const text = this.#open(cookie, uid);
    if (text === undefined) return undefined;
    const payload = JSON.parse(text) as AdapterPayload;
    return typeof payload.exp === 'number' && payload.exp > Date.now() / 1000
      ? { ...payload, jti: uid }
      : undefined;
  }

  #open(cookie: string, uid: string): string | undefined {
    const known = this.#opened.get(cookie);
    if (known?.uid === uid) return known.text;
    const opened = this.#keyring.open('interaction', cookie, uid);
    if (!opened) return undefined;
    const text = unpack(opened);
    if (text.length <= PLAIN_BYTES) this.#opened.set(cookie, { uid, text });
    return text;
  }

  async upsert(uid: string, payload: AdapterPayload, expiresInSeconds: number): Promise<void> {
    const scope = currentScope(this.#scopes);
    const { jti: _uid, ...rest } = payload as Record<string, unknown>;
    const text = JSON.stringify(rest);
    const sealed = this.#keyring.seal('interaction', pack(text), uid);
    if (text.length <= PLAIN_BYTES) this.#opened.set(sealed, { uid, text });
    if (sealed.length <= COOKIE_BYTES) return setCookie(scope, uid, sealed, expiresInSeconds);
    scope.save(newRecord('Interaction', uid, payload, expiresInSeconds));
    setCookie(scope, uid, IN_A_ROW, expiresInSeconds);
  }

  /** Called when the browser comes back: a finished interaction is spent, and can be spent once. */
  async destroy(uid: string): Promise<void> {
    const scope = currentScope(this.#scopes);
    const payload = await this.find(uid);
    if (payload?.result) {
      scope.saveOnce({
        id: recordKey('SpentInteraction', uid),
        kind: 'SpentInteraction',
        grantKey: null,
        uid: null,
        payload: {},
        expiresInSeconds: Math.max(60, Number(payload.exp) - Date.now() / 1000 + 60),
      });
    }
    if (scope.ctx.cookies.get(INTERACTION_COOKIE, { signed: false }) === IN_A_ROW)
      scope.destroy('Interaction', uid);
    setCookie(scope, uid, null, 0);
  }

  async consume(): Promise<void> {}
  async findByUid(): Promise<undefined> {
    return undefined;
  }
  async findByUserCode(): Promise<undefined> {
    return undefined;
  }
  async revokeByGrantId(): Promise<void> {}
}

function pack(text: string): Buffer {
  const bytes = Buffer.from(text);
  return bytes.length <= PLAIN_BYTES
    ? Buffer.concat([PLAIN, bytes])
    : Buffer.concat([DEFLATED, deflateRawSync(bytes, { level: 1 })]);
}

function unpack(packed: Buffer): string {
  const body = packed.subarray(1);
  if (packed[0] === PLAIN[0]) return body.toString();
  return inflateRawSync(body, { maxOutputLength: INTERACTION_BYTES }).toString();
}

/** The same value on both paths that need it: the login page's and the one the browser comes back to. */
function setCookie(scope: RequestScope, uid: string, value: string | null, expiresInSeconds: number): void {
  for (const path of [`${LOGIN_PATH}/${uid}`, `${AUTHORIZATION_PATH}/${uid}`]) {
    const attributes = [
      `${INTERACTION_COOKIE}=${value ?? ''}`,
      `Path=${path}`,
      `Max-Age=${value === null ? 0 : Math.floor(expiresInSeconds)}`,
      'HttpOnly',
      'SameSite=Lax',
      ...(scope.ctx.secure ? ['Secure'] : []),
    ];
    scope.ctx.append('Set-Cookie', attributes.join('; '));
  }
}
