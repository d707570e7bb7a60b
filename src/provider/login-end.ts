/** How a login ends: what is stored, which sessions begin and end, and where the browser goes. */
import type { Context } from 'koa';
import { nowSeconds } from '../clock.ts';
import type { Proof } from './login-limits.ts';
import type { Interaction, LoginRoutesOptions } from './login-options.ts';
import { ACR } from './provider.ts';
import { recordKey } from './record.ts';
import { currentScope } from './request-scope.ts';
import { expiresAt } from './session-lives.ts';

type Proved = Extract<Proof, { kind: 'proved' }>;

interface Ending {
  readonly interaction: Interaction;
  readonly proof: Proved;
  /** The person has asked to stay signed in on this device. */
  readonly remember: boolean;
}

/** Everything that was asked for is proved. Throws legacy_unavailable where a required legacy app has no session. */
export async function logIn(
  options: LoginRoutesOptions,
  ctx: Context,
  { interaction, proof, remember }: Ending,
): Promise<void> {
  const { user, amr, mark } = proof;
  const { scopes, onward, lifetimes, watch } = options;
  const clientId = String(interaction.params.client_id);
  const watched = watch && mark !== undefined ? [watch.part(user.sub, mark)] : [];
  const moved = await onward?.afterProof({ user, clientId, amr, writes: [...proof.writes, ...watched] });
  if (moved?.href !== undefined) return goOn(ctx, moved.href);
  const authTime = nowSeconds();
  // Where nobody is asked, sessions are as they always were: the library remembers them, for a day by default.
  const remembers = lifetimes.rememberedSeconds > 0 ? { remember } : {};
  const legacy = await options.legacySessions?.create({
    sub: user.sub,
    user,
    authTime,
    amr,
    clientId,
    returnTo: interaction.returnTo,
    expiresAt: expiresAt({ loginTs: authTime, transient: !remember }, lifetimes),
    remember: remembers.remember ?? false,
  });
  // Only now is the login a fact: a required legacy app that failed has thrown before anything was changed.
  const scope = currentScope(scopes);
  const left = moved?.writes ?? [...proof.writes, ...watched];
  const writes = [...left, ...(legacy?.parts(recordKey('uid', interaction.uid)) ?? [])];
  // A statement and a commit of its own are saved where only this is left: it goes with the session.
  const goesOn = writes.length > 0 && writes.every((part) => watched.includes(part));
  if (!goesOn) scope.also(...writes);
  await endAnother(options, interaction, user.sub);
  for (const cookie of legacy?.setCookies ?? []) ctx.append('Set-Cookie', cookie);
  const acr = amr.length > 1 ? ACR.twoFactors : ACR.password;
  const login = {
    accountId: user.sub,
    amr: [...amr],
    acr,
    ts: authTime,
    ...remembers,
    ...(goesOn && { mark }),
  };
  await finish(ctx, interaction, { login, select_account: {}, consent: {} }, legacy?.redirectTo);
}

/** Somebody else was logged in here: that session ends, with all that hangs on it, before the new one begins. */
async function endAnother(
  { endings }: Pick<LoginRoutesOptions, 'endings'>,
  interaction: Interaction,
  sub: string,
): Promise<void> {
  const before = interaction.session;
  if (!before || before.accountId === sub) return;
  delete interaction.session;
  if (before.accountId === undefined) return;
  const selection = { by: 'op-session', uid: recordKey('uid', before.uid) } as const;
  await endings.end({ selection, cause: 'replaced', actor: 'user' });
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
