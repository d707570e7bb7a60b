/**
 * When a person is asked for something (oidc-provider's interaction policy), beyond its defaults: account selection
 * (ZITADEL sends it with every request), an account that is gone, another person's login_hint, and the session's
 * absolute lifetime; and when asking again would lead nowhere. Consent is never asked for on its own account: our clients
 * are the company's.
 */

import type { KoaContextWithOIDC } from 'oidc-provider';
import { errors, interactionPolicy } from 'oidc-provider';
import type { User } from '../user.ts';
import { asProtocolError } from './adapter.ts';
import type { OldLoginIsOver } from './claiming/old-sessions.ts';
import { isSamePerson } from './login-hint.ts';
import type { SessionLifetimes } from './session-lives.ts';
import { isTooOld } from './session-lives.ts';

const { Check, Prompt, base } = interactionPolicy;

export interface PolicyOptions {
  readonly lifetimes: SessionLifetimes;
  readonly userBySub: (sub: string) => Promise<User | undefined>;
  /** Whether somebody has to link their account before their session opens this client. */
  readonly oldLoginIsOver?: OldLoginIsOver | undefined;
}

const prompted = (needed: boolean) => (needed ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT);
const justLoggedIn = (ctx: KoaContextWithOIDC) => Boolean(ctx.oidc.result?.login);

/** OpenID Connect Core section 5.5.1.1. */
function meetsEssentialAcr({ oidc }: KoaContextWithOIDC): boolean {
  const { essential, value, values } = (oidc.claims.id_token?.acr ?? {}) as {
    readonly essential?: boolean;
    readonly value?: unknown;
    readonly values?: readonly unknown[];
  };
  const wanted = Array.isArray(values) ? values : value === undefined ? [] : [value];
  return !essential || wanted.length === 0 || wanted.includes(oidc.acr);
}

export function interactionPolicyFor({ lifetimes, userBySub, oldLoginIsOver }: PolicyOptions) {
  const policy = base();
  policy.add(new Prompt({ name: 'select_account', requestable: true }), 0);
  const login = policy.get('login')!;
  login.checks.add(
    new Check('account_gone', 'the account of this session is gone', 'login_required', (ctx) =>
      prompted(Boolean(ctx.oidc.session?.accountId) && !ctx.oidc.account),
    ),
  );
  login.checks.add(
    new Check('session_too_old', 'the session has reached its absolute lifetime', 'login_required', (ctx) => {
      const { session } = ctx.oidc;
      return prompted(!justLoggedIn(ctx) && session !== undefined && isTooOld(session, lifetimes));
    }),
  );
  login.checks.add(
    new Check(
      'login_hint',
      'another person is hinted at than the one logged in',
      'login_required',
      async (ctx) => {
        const hint = ctx.oidc.params?.login_hint;
        const sub = ctx.oidc.session?.accountId;
        if (typeof hint !== 'string' || !hint || !sub || justLoggedIn(ctx)) return Check.NO_NEED_TO_PROMPT;
        const user = await userBySub(sub);
        return prompted(!user || !isSamePerson(user, hint));
      },
    ),
  );
  login.checks.add(
    new Check('acr_unmet', 'the login was not as strong as asked for', (ctx) => {
      if (!justLoggedIn(ctx) || meetsEssentialAcr(ctx)) return Check.NO_NEED_TO_PROMPT;
      // They have shown all they have: the library would ask them again, and again.
      throw new errors.UnmetAuthenticationRequirements('this person has no login as strong as asked for');
    }),
  );
  if (oldLoginIsOver)
    login.checks.add(
      new Check(
        'old_login_over',
        'the old login has ended for this person',
        'login_required',
        async (ctx) => {
          const sub = ctx.oidc.session?.accountId;
          if (!sub || justLoggedIn(ctx)) return Check.NO_NEED_TO_PROMPT;
          return prompted(await oldLoginIsOver(sub, ctx.oidc.client?.clientId ?? '').catch(asProtocolError));
        },
      ),
    );
  const consent = policy.get('consent')!;
  for (const reason of [
    'native_client_prompt',
    'op_scopes_missing',
    'op_claims_missing',
    'rs_scopes_missing',
    'rar_prompt',
  ]) {
    consent.checks.remove(reason);
  }
  return policy;
}
