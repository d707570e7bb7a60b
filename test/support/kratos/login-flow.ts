/** Logging in through the public API without a browser (`/self-service/login`), as a v26.2.0 answers it. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Answer, Kept } from './answers.ts';
import { shown } from './answers.ts';
import { badRequest, Refused } from './errors.ts';
import type { Logins } from './sessions.ts';

export interface PublicCall {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

export interface LoginFlow {
  /** Throws Refused; undefined: not a call of this API. */
  answer(kept: Kept, call: PublicCall): Promise<Answer | undefined>;
  /** All flows, those to come as well, are over before anything is sent in them. */
  expire(): void;
}

const INIT = '/self-service/login/api';
const SUBMIT = '/self-service/login';
const MAX_FLOWS = 10_000;

const MESSAGES = {
  4000001: 'The HTTP Request Header included the "Cookie" key',
  4000006:
    'The provided credentials are invalid, check for spelling mistakes in your password or username, email address, or phone number.',
  4000010: 'Account not active yet. Did you forget to verify your email address?',
  4010002: 'Could not find a strategy to log you in with. Did you fill out the form correctly?',
} as const;
type MessageId = keyof typeof MESSAGES;

/** `wantsVerified`: the hook `require_verified_address` after a login. */
export function openLoginFlow(
  logins: Logins,
  { wantsVerified }: { wantsVerified: () => boolean },
): LoginFlow {
  const flows = new Set<string>();
  let areExpired = false;

  const flowOf = (
    { publicUrl, now }: Kept,
    id: string,
    told: { message?: MessageId; field?: string } = {},
  ) => ({
    id,
    type: 'api',
    issued_at: now().toISOString(),
    ui: {
      action: `${publicUrl}${SUBMIT}?flow=${id}`,
      method: 'POST',
      nodes: told.field ? [{ group: 'password', messages: [{ id: 4_000_002, type: 'error' }] }] : [],
      ...(told.message && {
        messages: [{ id: told.message, text: MESSAGES[told.message], type: 'error' }],
      }),
    },
    requested_aal: 'aal1',
    state: 'choose_method',
  });
  const init = (kept: Kept): Answer => {
    const id = randomUUID();
    if (flows.size >= MAX_FLOWS) flows.clear();
    flows.add(id);
    return { status: 200, document: flowOf(kept, id) };
  };

  const submit = async (kept: Kept, { url, headers, body }: PublicCall): Promise<Answer> => {
    const id = url.searchParams.get('flow') ?? '';
    if (!/^[0-9a-f-]{36}$/i.test(id)) throw badRequest('The flow query parameter is missing or malformed.');
    if (!flows.has(id)) throw new Refused(404);
    if (areExpired) throw new Refused(410, { message: 'The login flow has expired.' });
    const failed = (message: MessageId): Answer => ({ status: 400, document: flowOf(kept, id, { message }) });
    if (headers.cookie !== undefined) return failed(4_000_001);
    const { method, identifier, password } = (body ?? {}) as Record<string, unknown>;
    if (method !== 'password') return failed(4_010_002);
    if (typeof identifier !== 'string' || typeof password !== 'string' || password === '')
      return { status: 400, document: flowOf(kept, id, { field: 'password' }) };
    const first = await logins.firstFactor(identifier, password);
    if (first.outcome !== 'right') {
      if (first.outcome === 'unavailable') throw new Refused(502);
      return failed(4_000_006);
    }
    const { identity, wantsCode } = first;
    if (identity.state !== 'active')
      throw new Refused(401, { reason: 'This account was disabled.', message: 'identity is disabled' });
    if (wantsVerified() && identity.verifiable_addresses.some(({ verified }) => !verified))
      return failed(4_000_010);
    const session = logins.begin(identity);
    const shownSession = {
      id: session.id,
      active: true,
      issued_at: session.issuedAt.toISOString(),
      authenticator_assurance_level: 'aal1',
      // Whose it is, is not told before the second factor.
      identity: wantsCode ? null : shown(identity),
    };
    const session_token = `ory_st_${randomBytes(24).toString('base64url')}`;
    return { status: 200, document: { session_token, session: shownSession, continue_with: [] } };
  };

  return {
    async answer(kept, call) {
      if (call.method === 'GET' && call.url.pathname === INIT) return init(kept);
      if (call.method === 'POST' && call.url.pathname === SUBMIT) return submit(kept, call);
      return undefined;
    },
    expire: () => {
      areExpired = true;
    },
  };
}
