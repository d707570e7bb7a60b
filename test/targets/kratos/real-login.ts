/** Logging in at a real Kratos, through the flows of its public API that apps without a browser use. */
import type { LoggedIn } from '../../support/kratos/sessions.ts';

const PUBLIC_URL = process.env.KRATOS_PUBLIC_URL ?? '';

interface Session {
  readonly session_token?: string;
  readonly session?: { readonly id: string; readonly identity?: { readonly id: string } };
}

export async function realLogIn(identifier: string, password: string, code?: string): Promise<LoggedIn> {
  const first = await submit({ method: 'password', identifier, password });
  if (first.status === 502) return { outcome: 'unavailable' };
  const token = first.document.session_token;
  if (first.status !== 200 || token === undefined) return { outcome: 'refused' };
  // `session.whoami.required_aal: highest_available`
  const who = await fetch(`${PUBLIC_URL}/sessions/whoami`, { headers: { 'x-session-token': token } });
  const { session } = first.document;
  if (who.status !== 403) return inside(session);
  if (code === undefined) return { outcome: 'code-wanted' };
  const second = await submit({ method: 'totp', totp_code: code }, token);
  return second.status === 200 ? inside(session) : { outcome: 'refused' };
}

const inside = (session: Session['session']): LoggedIn => ({
  outcome: 'in',
  identityId: session?.identity?.id ?? '',
  sessionId: session?.id ?? '',
});

async function submit(body: object, token?: string) {
  const headers = { 'content-type': 'application/json', ...(token && { 'x-session-token': token }) };
  const query = token ? '?aal=aal2' : '';
  const flow = await fetch(`${PUBLIC_URL}/self-service/login/api${query}`, { headers });
  const { id } = (await flow.json()) as { id: string };
  const response = await fetch(`${PUBLIC_URL}/self-service/login?flow=${id}`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  return { status: response.status, document: (await response.json()) as Session };
}
