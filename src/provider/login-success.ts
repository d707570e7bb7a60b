/** What follows once the provider has let somebody in: what a login writes besides, and who goes on to a target instead. */
import type { Context, Middleware } from 'koa';
import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import { nowSeconds } from '../clock.ts';
import type { LegacySessions } from '../sessions/legacy-sessions.ts';
import { tiePart } from '../sessions/registry.ts';
import type { Mark } from './cookies.ts';
import type { FrontOptions } from './front.ts';
import { goOn } from './login-end.ts';
import { recordKey } from './record.ts';
import { recognisedAt } from './session-lives.ts';

type SuccessOptions = Pick<
  FrontOptions,
  'settings' | 'scopes' | 'loginParts' | 'legacySessions' | 'directory' | 'onward' | 'watch'
>;

/** Somebody whom a legacy app has just signed in: as good as a login, without anything typed. */
interface SignedInElsewhere {
  readonly sub: string;
  readonly clientId: string;
  readonly amr: readonly string[];
}

export function onSuccess(provider: Provider, options: SuccessOptions & { readonly loggedOut: Mark }): void {
  const { settings, scopes, loginParts, legacySessions, loggedOut, watch } = options;
  provider.on('interaction.ended', ({ oidc: { result, session } }: KoaContextWithOIDC) => {
    const login = result?.login;
    // The library only ever sets it; here somebody has changed their mind.
    if (session && login?.remember) session.transient = undefined;
    // With the statement that begins their session.
    if (typeof login?.mark === 'string' && watch)
      scopes.getStore()?.also(watch.part(login.accountId, login.mark));
  });
  provider.on('authorization.success', (ctx: KoaContextWithOIDC) => {
    const { client, session, result, entities } = ctx.oidc;
    if (!client || !session?.accountId) return;
    const { clientId } = client;
    const { accountId: sub, amr = [] } = session;
    const scope = scopes.getStore();
    // Whoever comes to a target by a session that is there already is known to it from now on, too.
    const isRecognised = isFresh(session.uid, settings.lifetimes.interactionSeconds);
    const by = result?.login?.accountId ? 'login' : isRecognised ? 'recognised' : 'session';
    scope?.alsoOnce(() => loginParts({ user: sub, clientId, amr, by }));
    if (by === 'login') {
      const login = entities.Interaction?.uid;
      if (legacySessions && login !== undefined)
        scope?.also(tiePart(recordKey('uid', login), recordKey('uid', session.uid)));
      loggedOut.clear(ctx as unknown as Context);
    } else if (by === 'recognised') {
      const elsewhere: SignedInElsewhere = { sub, clientId, amr };
      if (ctx.oidc.params?.prompt !== 'none' || !options.onward?.leadsTo(clientId))
        ctx.state.signedInElsewhere = elsewhere;
    }
  });
}

/** The browser forgets its legacy apps, and nobody is recognised while their sessions are still being ended. */
export function onLogout(
  provider: Provider,
  { legacySessions, loggedOut }: { readonly legacySessions: LegacySessions; readonly loggedOut: Mark },
): void {
  provider.on('end_session.success', (ctx: KoaContextWithOIDC) => {
    if (!ctx.oidc.params?.logout) return;
    loggedOut.set(ctx as unknown as Context, '1');
    for (const cookie of legacySessions.clearCookies()) ctx.append('Set-Cookie', cookie);
  });
}

/** For as long as a login may take, recognising somebody is a login: a page of ours may stand in between. */
const isFresh = (uid: string, seconds: number) => nowSeconds() - (recognisedAt(uid) ?? 0) <= seconds;

/**
 * People whom a legacy app has signed in are moved as those who have typed a password: without a page, and without knowing.
 * Goes around the provider. `prompt=none` is always answered to the client, as the protocol has it.
 */
export function silentMove({ directory, onward, scopes }: SuccessOptions): Middleware {
  return async (ctx, next) => {
    await next();
    const elsewhere = ctx.state.signedInElsewhere as SignedInElsewhere | undefined;
    if (!elsewhere || !onward) return;
    const { sub, clientId, amr } = elsewhere;
    const user = await directory.userBySub(sub);
    if (!user) return;
    const { href, writes } = await onward.afterProof({ user, clientId, amr, writes: [] });
    scopes.getStore()?.also(...writes);
    if (href !== undefined) goOn(ctx as Context, href);
  };
}
