/**
 * A person's way through the login pages: which page comes next, and what goes back to the provider in the end.
 */

import type { Context } from 'koa';
import type { Provider } from 'oidc-provider';
import { errors } from 'oidc-provider';
import { nowSeconds } from '../clock.ts';
import { type FootbridgeError, isFootbridgeError } from '../errors.ts';
import type { LegacyLogin } from '../sessions/legacy-session.ts';
import type { Keyring } from '../store/encryption.ts';
import type { User } from '../user.ts';
import { Answered } from './failure.ts';
import { LOGIN_PATH } from './interaction-cookie.ts';
import { provePassword } from './login.ts';
import { LoginForms } from './login-forms.ts';
import type { LoginDeps, Proof } from './login-limits.ts';
import { endSession } from './logout.ts';
import type { Page } from './pages/index.ts';
import type { LoginPage } from './pages/page.ts';
import { ACR } from './provider.ts';
import type { Scopes } from './request-scope.ts';
import { currentScope } from './request-scope.ts';
import { SecondStep } from './second-step.ts';

export interface LoginRoutesOptions extends LoginDeps {
  readonly provider: Provider;
  readonly keyring: Keyring;
  readonly scopes: Scopes;
  readonly issuer: string;
  readonly renderPage: (ctx: Context, page: Page, status?: number) => void;
  readonly clientName: (clientId: string) => string | undefined;
  /** For metrics: how each try ended. */
  readonly onProof?: (kind: Proof['kind']) => void;
  /** Where "you already moved" sends people. */
  readonly targetLink: (target: string, user: User) => { name: string; href: string };
  /** Creates the legacy apps' sessions; never throws, and may send the browser by way of a legacy app. */
  readonly startLegacySessions: (
    login: LegacyLogin,
  ) => Promise<{ setCookies: readonly string[]; redirectTo?: string }>;
}

type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>;
const RETRY_DEFAULT_SECONDS = 5;

export class LoginFlow {
  readonly #options: LoginRoutesOptions;
  readonly #forms: LoginForms;
  readonly #second: SecondStep;

  constructor(options: LoginRoutesOptions) {
    this.#options = options;
    this.#forms = new LoginForms(options.keyring, options.issuer);
    this.#second = new SecondStep(options, this.#forms);
  }

  async show(ctx: Context): Promise<void> {
    const interaction = await this.#interaction(ctx);
    const user = await this.#rememberedUser(interaction);
    if (user && ctx.query.as !== 'other') return this.#chooseAccount(ctx, interaction, user);
    this.#loginPage(ctx, interaction, {});
  }

  async submit(ctx: Context): Promise<void> {
    const interaction = await this.#interaction(ctx);
    const form = this.#checkedForm(ctx, interaction.uid);
    const choice = form.get('choice');
    if (choice === 'other') return ctx.redirect(`${LOGIN_PATH}/${interaction.uid}?as=other`);
    if (choice === 'continue' && (await this.#rememberedUser(interaction)))
      return this.#continue(ctx, interaction);
    const step = form.get('step');
    const work =
      step === null ? this.#password(ctx, interaction, form) : this.#factor(ctx, interaction, form, step);
    await work.catch((error) => this.#outage(ctx, interaction, form, error));
  }

  /** The person gives up: the client is told (OpenID Connect Core section 3.1.2.6). */
  async cancel(ctx: Context): Promise<void> {
    const interaction = await this.#interaction(ctx);
    await this.#finish(ctx, interaction, {
      error: 'access_denied',
      error_description: 'the person cancelled the login',
    });
  }

  async #interaction(ctx: Context): Promise<Interaction> {
    const { provider } = this.#options;
    const interaction = await provider.interactionDetails(ctx.req, ctx.res).catch((error) => {
      if (error instanceof errors.SessionNotFound) return undefined;
      throw error;
    });
    if (!interaction || interaction.uid !== ctx.params.uid) {
      const kind = ctx.headers.cookie ? 'expired' : 'no_cookies';
      this.#options.renderPage(ctx, { page: 'error', kind }, 400);
      throw new Answered();
    }
    ctx.set('Cache-Control', 'no-store');
    return interaction;
  }

  /** Who is logged in here already, when this prompt is only about choosing or agreeing. */
  async #rememberedUser(interaction: Interaction): Promise<User | undefined> {
    const sub = interaction.session?.accountId;
    if (!sub || !['select_account', 'consent'].includes(interaction.prompt.name)) return undefined;
    const user = await this.#options.directory.userBySub(sub);
    return user?.state === 'active' ? user : undefined;
  }

  #checkedForm(ctx: Context, uid: string): URLSearchParams {
    const form = this.#forms.read(ctx, uid);
    if (form) return form;
    this.#options.renderPage(ctx, { page: 'error', kind: 'expired' }, 403);
    throw new Answered();
  }

  #loginPage(ctx: Context, interaction: Interaction, more: Partial<LoginPage>, status = 200): void {
    const { params, uid } = interaction;
    const hint = typeof params.login_hint === 'string' ? { username: params.login_hint } : {};
    const name = this.#options.clientName(String(params.client_id));
    const page: LoginPage = {
      page: 'login',
      action: `${LOGIN_PATH}/${uid}`,
      formToken: this.#forms.token(uid),
      cancelHref: `${LOGIN_PATH}/${uid}/cancel`,
      ...(name ? { clientName: name } : {}),
      ...hint,
      ...more,
    };
    this.#render(ctx, interaction, page, status);
  }

  #render(ctx: Context, interaction: Interaction, page: Page, status: number): void {
    ctx.state.uiLocales = interaction.params.ui_locales;
    this.#options.renderPage(ctx, page, status);
  }

  #chooseAccount(ctx: Context, interaction: Interaction, user: User): void {
    const clientName = this.#options.clientName(String(interaction.params.client_id));
    this.#render(
      ctx,
      interaction,
      {
        page: 'choose-account',
        action: `${LOGIN_PATH}/${interaction.uid}`,
        formToken: this.#forms.token(interaction.uid),
        name: user.name ?? user.email ?? user.username ?? user.sub,
        ...(clientName ? { clientName } : {}),
      },
      200,
    );
  }

  async #continue(ctx: Context, interaction: Interaction): Promise<void> {
    await this.#finish(ctx, interaction, { select_account: {}, consent: {} });
  }

  async #password(ctx: Context, interaction: Interaction, form: URLSearchParams): Promise<void> {
    const username = form.get('username') ?? '';
    const proof = await provePassword(this.#options, {
      username,
      password: form.get('password') ?? '',
      clientId: String(interaction.params.client_id),
      ...attemptOf(ctx),
    });
    await this.#answer(ctx, interaction, proof, (problem, status, retryAfterSeconds) => {
      if (retryAfterSeconds) ctx.set('Retry-After', String(retryAfterSeconds));
      this.#loginPage(
        ctx,
        interaction,
        { username, problem, ...(retryAfterSeconds ? { retryAfterSeconds } : {}) },
        status,
      );
    });
  }

  async #factor(
    ctx: Context,
    interaction: Interaction,
    form: URLSearchParams,
    sealed: string,
  ): Promise<void> {
    const { uid } = interaction;
    const step = this.#forms.openStep(uid, sealed);
    if (!step) return this.#loginPage(ctx, interaction, { problem: 'expired' }, 400);
    const other = step.ways.find((way) => way === form.get('other'));
    if (other) return this.#render(ctx, interaction, await this.#second.page(uid, step, other), 200);
    const factor = step.ways.find((way) => way === form.get('factor')) ?? 'totp';
    const proof = await this.#second.prove(step, factor, form, attemptOf(ctx));
    await this.#answer(ctx, interaction, proof, async (problem, status, retryAfterSeconds) => {
      if (problem === 'locked') return this.#loginPage(ctx, interaction, { problem }, status);
      if (retryAfterSeconds) ctx.set('Retry-After', String(retryAfterSeconds));
      const more = { problem, ...(retryAfterSeconds ? { retryAfterSeconds } : {}) };
      this.#render(ctx, interaction, await this.#second.page(uid, step, factor, more), status);
    });
  }

  async #answer(ctx: Context, interaction: Interaction, proof: Proof, refuse: Refuse): Promise<void> {
    this.#options.onProof?.(proof.kind);
    switch (proof.kind) {
      case 'wrong':
        return refuse('wrong', 401);
      case 'locked':
        return refuse('locked', 403);
      case 'throttled':
        return refuse('throttled', 429, proof.waitSeconds);
      case 'moved': {
        const link = this.#options.targetLink(proof.target, proof.user);
        return this.#render(ctx, interaction, { page: 'moved', targetName: link.name, href: link.href }, 200);
      }
      case 'factor_needed': {
        const { user, factors } = proof;
        if (factors.ways.length === 0)
          return this.#loginPage(ctx, interaction, { problem: 'factor_unusable' }, 403);
        currentScope(this.#options.scopes).also(...proof.writes);
        return this.#render(ctx, interaction, this.#second.begin(interaction.uid, user.sub, factors), 200);
      }
      case 'proved':
        return this.#loggedIn(ctx, interaction, proof);
    }
  }

  async #loggedIn(
    ctx: Context,
    interaction: Interaction,
    proof: Extract<Proof, { kind: 'proved' }>,
  ): Promise<void> {
    const { user, amr } = proof;
    const { provider, scopes, startLegacySessions } = this.#options;
    const authTime = nowSeconds();
    const legacy = await startLegacySessions({
      sub: user.sub,
      user,
      authTime,
      amr,
      clientId: String(interaction.params.client_id),
      returnTo: interaction.returnTo,
    });
    // Only now is the login a fact: a required legacy app that failed has thrown before anything was changed.
    currentScope(scopes).also(...proof.writes);
    const before = interaction.session;
    if (before && before.accountId !== user.sub) {
      // Somebody else was logged in here: that session ends, with all that hangs on it, before the new one begins.
      await endSession(provider, currentScope(scopes), before.cookie);
      delete interaction.session;
    }
    for (const cookie of legacy.setCookies) ctx.append('Set-Cookie', cookie);
    const acr = amr.length > 1 ? ACR.twoFactors : ACR.password;
    const login = { accountId: user.sub, amr: [...amr], acr, ts: authTime };
    await this.#finish(ctx, interaction, { login, select_account: {}, consent: {} }, legacy.redirectTo);
  }

  async #finish(
    ctx: Context,
    interaction: Interaction,
    result: object,
    redirectTo = interaction.returnTo,
  ): Promise<void> {
    interaction.result = result as NonNullable<Interaction['result']>;
    await interaction.save(interaction.exp - nowSeconds());
    ctx.status = 303;
    ctx.redirect(redirectTo);
  }

  /** An outage is never told as a wrong password, and the person keeps the page they are on. */
  #outage(ctx: Context, interaction: Interaction, form: URLSearchParams, error: unknown): void {
    // Whoever asked has left: their place in the queue is free again, and there is nobody to answer.
    if (ctx.res.destroyed) throw new Answered();
    const problem = isFootbridgeError(error, 'legacy_unavailable')
      ? 'legacy_down'
      : isFootbridgeError(error, 'hashing_overloaded')
        ? 'overloaded'
        : undefined;
    if (!problem) throw error;
    const retryAfterSeconds = (error as FootbridgeError).retryAfterSeconds ?? RETRY_DEFAULT_SECONDS;
    ctx.set('Retry-After', String(retryAfterSeconds));
    this.#loginPage(
      ctx,
      interaction,
      { username: form.get('username') ?? '', problem, retryAfterSeconds },
      503,
    );
  }
}

/** Where a try comes from, and a signal for when nobody waits for its outcome any more. */
function attemptOf(ctx: Context): { network: string; signal: AbortSignal } {
  const abort = new AbortController();
  // The request is read to its end already and would not tell; only the answer's connection does.
  ctx.res.once('close', () => abort.abort());
  return { network: ctx.ip, signal: abort.signal };
}

type Refuse = (
  problem: 'wrong' | 'locked' | 'throttled',
  status: number,
  retryAfterSeconds?: number,
) => void | Promise<void>;
