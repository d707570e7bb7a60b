/** Sessions of ours that begin without a login here, because a legacy app knows the person. */
import type { Context } from 'koa';
import type { Provider } from 'oidc-provider';
import { nowSeconds } from '../clock.ts';
import type { Endings } from '../sessions/ending/ending.ts';
import type { Recognised } from '../sessions/legacy-sessions.ts';
import { giveSession } from './cookies.ts';
import { ACR, sessionTtl } from './provider.ts';
import type { ProviderSettings } from './provider-settings.ts';
import { recordKey } from './record.ts';
import type { Scopes } from './request-scope.ts';
import { currentScope } from './request-scope.ts';
import { recognisedUid } from './session-lives.ts';

export type Session = InstanceType<Provider['Session']>;

export interface RecognisedSessions {
  /** A new session, which this request has already and the browser gets with its answer. */
  begin(ctx: Context, recognised: Recognised): Promise<void>;
  /** The person is here already: the legacy session becomes this session's own. */
  join(session: Session, recognised: Recognised): void;
}

export interface RecognisedSessionsDeps {
  readonly provider: Provider;
  readonly settings: Pick<ProviderSettings, 'issuer' | 'lifetimes'>;
  /** Of the cookies; current first. */
  readonly cookieKeys: readonly string[];
  readonly scopes: Scopes;
  readonly endings: Pick<Endings, 'end'>;
}

export function recognisedSessions(deps: RecognisedSessionsDeps): RecognisedSessions {
  const { provider, scopes, cookieKeys: keys } = deps;
  const { issuer, lifetimes } = deps.settings;
  const join = ({ uid }: Pick<Session, 'uid'>, recognised: Recognised) =>
    currentScope(scopes).also(...recognised.parts(recordKey('uid', uid)));
  /** A logout may have come between the app's word and our session: then that has to end as well. */
  const recheck = async ({ uid }: Pick<Session, 'uid'>, { app, isStillSo }: Recognised) => {
    if (!isStillSo || (await isStillSo())) return;
    const selection = { by: 'op-session', uid: recordKey('uid', uid) } as const;
    await deps.endings.end({ selection, cause: 'legacy', actor: `legacy:${app}` });
  };
  return {
    join,
    async begin(ctx, recognised) {
      const session = new provider.Session();
      session.uid = recognisedUid();
      session.loginAccount({
        accountId: recognised.user.sub,
        loginTs: Math.min(Math.floor(recognised.authTime), nowSeconds()),
        ...(recognised.amr.length > 0 ? { amr: [...recognised.amr] } : {}),
        acr: recognised.isTwoFactor ? ACR.twoFactors : ACR.password,
        // Where people are asked whether to stay, nobody stays who was not.
        transient: lifetimes.rememberedSeconds > 0,
      });
      await session.save(sessionTtl(session, lifetimes));
      giveSession(ctx, {
        issuer,
        keys,
        id: session.jti,
        ...(session.transient ? {} : { expires: new Date(session.exp * 1_000) }),
      });
      join(session, recognised);
      // Where it cannot be looked at, the rounds will find it (legacy-session-rounds.ts).
      currentScope(scopes).onCommit(() => void recheck(session, recognised).catch(() => undefined));
    },
  };
}
