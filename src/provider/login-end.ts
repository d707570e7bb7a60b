/** How a login ends: what is stored, which sessions begin and end, and where the browser goes. */
import type { Context } from 'koa';
import { nowSeconds } from '../clock.ts';
import type { Proof } from './login-limits.ts';
import type { Interaction, LoginRoutesOptions } from './login-options.ts';
import { endSession } from './logout.ts';
import { ACR } from './provider.ts';
import { currentScope } from './request-scope.ts';

type Proved = Extract<Proof, { kind: 'proved' }>;

/** Everything that was asked for is proved. Throws legacy_unavailable where a required legacy app has no session. */
export async function logIn(
  options: LoginRoutesOptions,
  ctx: Context,
  { interaction, proof }: { readonly interaction: Interaction; readonly proof: Proved },
): Promise<void> {
  const { user, amr } = proof;
  const { provider, scopes, onward } = options;
  const clientId = String(interaction.params.client_id);
  const moved = await onward?.afterProof({ user, clientId, amr, writes: proof.writes });
  if (moved?.href !== undefined) return goOn(ctx, moved.href);
  const { returnTo } = interaction;
  const authTime = nowSeconds();
  const login = { sub: user.sub, user, authTime, amr, clientId, returnTo };
  const legacy = await options.startLegacySessions(login);
  // Only now is the login a fact: a required legacy app that failed has thrown before anything was changed.
  currentScope(scopes).also(...(moved?.writes ?? proof.writes));
  const before = interaction.session;
  if (before && before.accountId !== user.sub) {
    // Somebody else was logged in here: that session ends, with all that hangs on it, before the new one begins.
    await endSession(provider, currentScope(scopes), before.cookie);
    delete interaction.session;
  }
  for (const cookie of legacy.setCookies) ctx.append('Set-Cookie', cookie);
  const acr = amr.length > 1 ? ACR.twoFactors : ACR.password;
  const result = { login: { accountId: user.sub, amr: [...amr], acr, ts: authTime } };
  await finish(ctx, interaction, { ...result, select_account: {}, consent: {} }, legacy.redirectTo);
}

/** The provider is told how it ended, and the browser goes back to it, by way of a legacy app if one asks for it. */
export async function finish(
  ctx: Context,
  interaction: Interaction,
  result: object,
  redirectTo = interaction.returnTo,
): Promise<void> {
  interaction.result = result as NonNullable<Interaction['result']>;
  await interaction.save(interaction.exp - nowSeconds());
  goOn(ctx, redirectTo);
}

/** RFC 9110 section 15.4.4: to be fetched, whatever was posted here. */
export function goOn(ctx: Context, href: string): void {
  ctx.status = 303;
  ctx.redirect(href);
}
