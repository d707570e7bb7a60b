/**
 * Whoever is signed in at a legacy app is signed in here. Before the provider sees a request for a login, this looks who is
 * there: a session of ours is used, and its legacy sessions with it (`visit`); without one the legacy apps are asked, and a
 * session of ours begins for the person they know. Everything else goes by itself then, as for anybody logged in: what the
 * policy asks for, `prompt=none`, `auth_time`, `amr` and `acr`.
 *
 * It is a sign-on and nothing more: nothing changes at the legacy app, so a link from elsewhere does no harm.
 */
import type { Context, Middleware } from 'koa';
import type { Provider } from 'oidc-provider';
import type { Directory } from '../legacy/directory.ts';
import type { Endings } from '../sessions/ending/ending.ts';
import type { LegacySessions, Recognised } from '../sessions/legacy-sessions.ts';
import type { Db } from '../store/db.ts';
import type { Part } from '../store/statement.ts';
import { browserRequest } from './browser-request.ts';
import type { Mark } from './cookies.ts';
import { takeSession } from './cookies.ts';
import { hasMovedForGood } from './login-limits.ts';
import type { LookupRate } from './lookup-rate.ts';
import { CLAIM_CLIENT, JWT_IDP_CLIENT, JWT_IDP_PATH } from './own-clients.ts';
import type { ProviderSettings } from './provider-settings.ts';
import type { RecognisedSessions, Session } from './recognised-sessions.ts';
import { recordKey } from './record.ts';
import { expiresAt, idleUntil, isRemembered, isTooOld } from './session-lives.ts';

export interface RecognitionDeps {
  readonly provider: Provider;
  readonly settings: ProviderSettings;
  readonly db: Db;
  readonly directory: Pick<Directory, 'userBySub'>;
  readonly legacySessions: LegacySessions;
  readonly endings: Endings;
  readonly sessions: RecognisedSessions;
  readonly lookups: LookupRate;
  readonly ledgerStatePart: (sub: string, clientId: string) => Part | undefined;
  readonly loggedOut: Mark;
  /** Sends the browser to an app that can only be asked that way; false: there is none, or it was asked just now. */
  readonly ask: (ctx: Context, clientId: string) => boolean;
}

/** Goes before the provider and the JWT hand-over, inside the unit of work. */
export function recognition(deps: RecognitionDeps): Middleware {
  const { provider, settings, loggedOut } = deps;
  const known = new Set([...settings.clients.map(({ clientId }) => clientId), JWT_IDP_CLIENT, CLAIM_CLIENT]);
  return async (context, next) => {
    const ctx = context as Context;
    const clientId = clientAt(ctx);
    if (clientId === undefined || !known.has(clientId)) return next();
    // What cannot be read now the provider will find unreadable too, and say so in the protocol's words.
    const session = await provider.Session.get(ctx as never).catch(() => undefined);
    if (session?.accountId) await visit(deps, ctx, { session, clientId });
    if (!session || session.accountId || loggedOut.read(ctx) || asksForPassword(ctx)) return next();
    const isHere = (await mayAsk(deps, ctx, clientId)) && (await recognise(deps, ctx, clientId));
    if (!isHere && isAuthorization(ctx) && deps.ask(ctx, clientId)) return;
    return next();
  };
}

/** A visitor who brings nothing costs nothing; a network that asks too often types its passwords. */
const mayAsk = async ({ legacySessions, lookups }: RecognitionDeps, ctx: Context, clientId: string) =>
  legacySessions.mayKnow(browserRequest(ctx), clientId) && (await lookups.take(ctx.ip).catch(() => false));

const isAuthorization = ({ path }: Context) => /^\/auth\/?$/i.test(path);

/** At which client somebody wants to log in with this request; undefined: it is about something else. */
function clientAt(ctx: Context): string | undefined {
  if (ctx.method !== 'GET') return undefined;
  if (ctx.path === JWT_IDP_PATH) return JWT_IDP_CLIENT;
  const { client_id: id } = ctx.query;
  return isAuthorization(ctx) && typeof id === 'string' ? id : undefined;
}

/** In a pushed request it is not seen here; the provider sees it, and asks for the password in spite of the session. */
const asksForPassword = ({ query: { prompt } }: Context) =>
  typeof prompt === 'string' && prompt.split(' ').includes('login');

/** A session of ours is used. It ends when the person has logged out at a legacy app. */
async function visit(
  { settings: { issuer, lifetimes }, directory, legacySessions, endings, loggedOut }: RecognitionDeps,
  ctx: Context,
  { session, clientId }: { readonly session: Session; readonly clientId: string },
): Promise<void> {
  if (isTooOld(session, lifetimes)) return;
  // An account that is gone is the policy's business.
  const user = await directory.userBySub(session.accountId ?? '').catch(() => undefined);
  if (user?.state !== 'active') return;
  const opSession = recordKey('uid', session.uid);
  const { setCookies, endedAt, isReplaced } = await legacySessions.visit({
    request: browserRequest(ctx),
    opSession,
    user,
    clientId,
    authTime: session.loginTs ?? 0,
    amr: session.amr ?? [],
    idleUntil: idleUntil(session, lifetimes),
    expiresAt: expiresAt(session, lifetimes),
    remember: isRemembered(session, lifetimes),
  });
  for (const cookie of setCookies) ctx.append('Set-Cookie', cookie);
  if (endedAt === undefined) return;
  await endings.end({
    selection: { by: 'op-session', uid: opSession },
    cause: isReplaced ? 'replaced' : 'legacy',
    actor: `legacy:${endedAt}`,
    ...(isReplaced ? {} : { initiator: { kind: 'legacy', name: endedAt } }),
  });
  takeSession(ctx, issuer);
  // Whoever is there instead may be recognised; whoever has logged out is not at once logged in again.
  if (!isReplaced) loggedOut.set(ctx, '1');
}

/** Whether a legacy app knows who this is, and they may be here: then they have a session of ours. */
async function recognise(deps: RecognitionDeps, ctx: Context, clientId: string): Promise<boolean> {
  const recognised = await deps.legacySessions.recognise(browserRequest(ctx), { clientId });
  if (!recognised || (await hasMoved(deps, recognised, clientId))) return false;
  await deps.sessions.begin(ctx, recognised);
  return true;
}

/** Whoever has moved to the target for good is told so where they type their password; so is whoever may have. */
export async function hasMoved(
  { db, ledgerStatePart }: Pick<RecognitionDeps, 'db' | 'ledgerStatePart'>,
  { user }: Recognised,
  clientId: string,
): Promise<boolean> {
  const part = ledgerStatePart(user.sub, clientId);
  if (!part) return false;
  const state = db.runParts<{ state: string | null }>([part], 'select state from ledger_state');
  return state.then(
    ([row]) => hasMovedForGood(row?.state),
    () => true,
  );
}
