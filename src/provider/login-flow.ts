/**
 * A person's way through the login pages: which page comes next, and what goes back to the provider in the end.
 */

import type { Context } from 'koa';
import { errors } from 'oidc-provider';
import { type FootbridgeError, isFootbridgeError } from '../errors.ts';
import { leaving } from '../leaving.ts';
import type { Target } from '../targets/target.ts';
import type { User } from '../user.ts';
import { restOf } from './answer-floor.ts';
import type { ClaimStep } from './claiming/claim-at-login.ts';
import { Answered } from './failure.ts';
import { LOGIN_PATH } from './interaction-cookie.ts';
import { provePassword } from './login.ts';
import { finish, goOn, logIn } from './login-end.ts';
import { LoginForms } from './login-forms.ts';
import type { Proof } from './login-limits.ts';
import type { Interaction, LoginRoutesOptions } from './login-options.ts';
import { hintOf, LoginPages } from './login-pages.ts';
import type { LoginPage } from './pages/page.ts';
import { currentScope } from './request-scope.ts';
import { SecondStep } from './second-step.ts';

const RETRY_DEFAULT_SECONDS = 5;
/** A lookup of somebody takes longer than one of nobody; everybody waits as long for the password page. */
const LOOKUP_FLOOR_MS = 250;

export class LoginFlow {
  readonly #options: LoginRoutesOptions;
  readonly #forms: LoginForms;
  readonly #pages: LoginPages;
  readonly #second: SecondStep;

  constructor(options: LoginRoutesOptions) {
    this.#options = options;
    this.#forms = new LoginForms(options.keyring, options.issuer);
    this.#pages = new LoginPages(options, this.#forms);
    this.#second = new SecondStep(options, this.#forms);
  }

  async show(ctx: Context): Promise<void> {
    const interaction = await this.#interaction(ctx);
    const user = await this.#rememberedUser(interaction);
    if (user && ctx.query.as !== 'other') return this.#pages.chooseAccount(ctx, interaction, user);
    const lead = this.#lead(interaction);
    const hint = hintOf(interaction);
    if (!lead) return this.#pages.login(ctx, interaction, {});
    if (hint === undefined) return this.#pages.username(ctx, interaction);
    await this.#identified(ctx, interaction, { lead, username: hint });
  }

  async submit(ctx: Context): Promise<void> {
    const interaction = await this.#interaction(ctx);
    const form = this.#checkedForm(ctx, interaction.uid);
    const choice = form.get('choice');
    if (choice === 'other') return ctx.redirect(`${LOGIN_PATH}/${interaction.uid}?as=other`);
    if (choice === 'continue' && (await this.#rememberedUser(interaction)))
      return finish(ctx, interaction, { select_account: {}, consent: {} });
    const step = this.#options.claimPages?.atLogin.opened(interaction, form.get('step'));
    if (step && choice === 'link') return this.#options.claimPages?.atLogin.link(ctx, interaction, step);
    if (step && choice === 'later') return this.#later(ctx, interaction, step);
    await this.#step(ctx, interaction, form).catch((error) =>
      this.#outage(ctx, interaction, { username: form.get('username') ?? '', ...ticked(form), error }),
    );
  }

  #step(ctx: Context, interaction: Interaction, form: URLSearchParams): Promise<void> {
    const step = form.get('step');
    const lead = this.#lead(interaction);
    if (step !== null) return this.#factor(ctx, interaction, form, step);
    if (!lead || form.has('password')) return this.#password(ctx, interaction, form);
    return this.#identified(ctx, interaction, { lead, username: form.get('username') ?? '' });
  }

  /** Signing in at a target: there, and back here as whoever is linked to the account there. */
  async signInWith(ctx: Context): Promise<void> {
    const interaction = await this.#interaction(ctx);
    const come = await this.#signIn(ctx).enter(ctx, interaction);
    if (!come) return;
    const { entry, amr } = come;
    const mark = this.#options.watch?.markOf(entry);
    const proof = { kind: 'proved', user: entry.user, amr, writes: [], mark } as const;
    await logIn(this.#options, ctx, { interaction, proof, remember: false });
  }

  async linkInstead(ctx: Context): Promise<void> {
    await this.#signIn(ctx).choose(ctx, await this.#interaction(ctx));
  }

  #signIn(ctx: Context) {
    const { claimPages, renderPage } = this.#options;
    if (claimPages) return claimPages.signInWith;
    renderPage(ctx, { page: 'error', kind: 'not_found' }, 404);
    throw new Answered();
  }

  /** "Not now", said to a page that asked to link: the login goes on as it would have. */
  async #later(ctx: Context, interaction: Interaction, step: ClaimStep): Promise<void> {
    const proved = await this.#options.claimPages?.atLogin.later(ctx, step);
    if (!proved) return this.#pages.login(ctx, interaction, { problem: 'expired' }, 400);
    const { user, amr, entry, remember } = proved;
    const mark = this.#options.watch?.markOf(entry);
    const proof = { kind: 'proved', user, amr, writes: [], mark } as const;
    await logIn(this.#options, ctx, { interaction, proof, remember });
  }

  #lead({ params }: Interaction): Target | undefined {
    return this.#options.onward?.leadsTo(String(params.client_id));
  }

  /** The person gives up: the client is told (OpenID Connect Core section 3.1.2.6). */
  async cancel(ctx: Context): Promise<void> {
    const interaction = await this.#interaction(ctx);
    await finish(ctx, interaction, {
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

  /**
   * A legacy app's client: whoever has moved goes on to the target, and everybody else, known or not, is asked for the
   * password. A network that asks too often learns nothing: it sees the password page only.
   */
  async #identified(
    ctx: Context,
    interaction: Interaction,
    { lead, username }: { readonly lead: Target; readonly username: string },
  ): Promise<void> {
    const { onward, lookups, failureFloorMs } = this.#options;
    const startedAt = performance.now();
    try {
      const clientId = String(interaction.params.client_id);
      const href = (await lookups.take(ctx.ip))
        ? await onward?.movedBefore(lead, username, clientId)
        : undefined;
      if (href !== undefined) {
        this.#options.onProof?.('moved', clientId);
        return goOn(ctx, href);
      }
    } catch (error) {
      return this.#outage(ctx, interaction, { username, error });
    }
    await restOf(startedAt, Math.min(failureFloorMs, LOOKUP_FLOOR_MS));
    this.#pages.login(ctx, interaction, { username });
  }

  async #password(ctx: Context, interaction: Interaction, form: URLSearchParams): Promise<void> {
    const username = form.get('username') ?? '';
    const proof = await provePassword(this.#options, {
      username,
      password: form.get('password') ?? '',
      clientId: String(interaction.params.client_id),
      hint: hintOf(interaction),
      ...attemptOf(ctx),
    });
    const refuse: Refuse = (problem, status, retryAfterSeconds) => {
      if (retryAfterSeconds) ctx.set('Retry-After', String(retryAfterSeconds));
      const more = {
        username,
        ...ticked(form),
        problem,
        ...(retryAfterSeconds ? { retryAfterSeconds } : {}),
      };
      this.#pages.login(ctx, interaction, more, status);
    };
    await this.#answer(ctx, interaction, { proof, remember: form.has('remember'), refuse });
  }

  async #factor(
    ctx: Context,
    interaction: Interaction,
    form: URLSearchParams,
    sealed: string,
  ): Promise<void> {
    const { uid } = interaction;
    const step = this.#forms.openStep(uid, sealed);
    if (!step) return this.#pages.login(ctx, interaction, { problem: 'expired' }, 400);
    const other = step.ways.find((way) => way === form.get('other'));
    if (other) return this.#pages.render(ctx, interaction, await this.#second.page(uid, step, other), 200);
    const factor = step.ways.find((way) => way === form.get('factor')) ?? 'totp';
    const proof = await this.#second.prove(step, factor, form, attemptOf(ctx));
    const refuse: Refuse = async (problem, status, retryAfterSeconds) => {
      if (problem === 'locked') return this.#pages.login(ctx, interaction, { problem }, status);
      if (retryAfterSeconds) ctx.set('Retry-After', String(retryAfterSeconds));
      const more = { problem, ...(retryAfterSeconds ? { retryAfterSeconds } : {}) };
      this.#pages.render(ctx, interaction, await this.#second.page(uid, step, factor, more), status);
    };
    await this.#answer(ctx, interaction, { proof, remember: step.remember === true, refuse });
  }

  async #answer(ctx: Context, interaction: Interaction, { proof, remember, refuse }: Tried): Promise<void> {
    this.#options.onProof?.(proof.kind, String(interaction.params.client_id));
    switch (proof.kind) {
      case 'wrong':
        return refuse('wrong', 401);
      case 'locked':
        return refuse('locked', 403);
      case 'throttled':
        return refuse('throttled', 429, proof.waitSeconds);
      case 'moved': {
        const { name, href, isRedirect } = await this.#options.targetLink(proof.target, proof.user);
        if (isRedirect || this.#lead(interaction)) return goOn(ctx, href);
        return this.#pages.render(ctx, interaction, { page: 'moved', targetName: name, href });
      }
      case 'factor_needed': {
        const { user, factors } = proof;
        if (factors.ways.length === 0)
          return this.#pages.login(ctx, interaction, { problem: 'factor_unusable' }, 403);
        currentScope(this.#options.scopes).also(...proof.writes);
        return this.#pages.render(
          ctx,
          interaction,
          this.#second.begin(interaction.uid, { sub: user.sub, remember }, factors),
          200,
        );
      }
      case 'proved': {
        if (await this.#options.claimPages?.atLogin.stops(ctx, interaction, { ...proof, remember }))
          return currentScope(this.#options.scopes).also(...proof.writes);
        return logIn(this.#options, ctx, { interaction, proof, remember });
      }
    }
  }

  /** An outage is never told as a wrong password, and the person keeps the page they are on. */
  #outage(
    ctx: Context,
    interaction: Interaction,
    { error, ...typed }: Pick<LoginPage, 'username' | 'remember'> & { readonly error: unknown },
  ): void {
    // Whoever asked has left: their place in the queue is free again, and there is nobody to answer.
    if (ctx.res.destroyed) throw new Answered();
    const isAway =
      isFootbridgeError(error, 'legacy_unavailable') || isFootbridgeError(error, 'target_unavailable');
    const problem = isAway
      ? 'legacy_down'
      : isFootbridgeError(error, 'hashing_overloaded')
        ? 'overloaded'
        : undefined;
    if (!problem) throw error;
    this.#options.onProof?.('outage', String(interaction.params.client_id));
    const retryAfterSeconds = (error as FootbridgeError).retryAfterSeconds ?? RETRY_DEFAULT_SECONDS;
    ctx.set('Retry-After', String(retryAfterSeconds));
    this.#pages.login(ctx, interaction, { ...typed, problem, retryAfterSeconds }, 503);
  }
}

/** Where a try comes from, and a signal for when nobody waits for its outcome any more. */
function attemptOf(ctx: Context): { network: string; signal: AbortSignal } {
  return { network: ctx.ip, signal: leaving(ctx) };
}

/** The box is as the person left it when the page is shown again. */
const ticked = (form: URLSearchParams): Pick<LoginPage, 'remember'> =>
  form.has('remember') ? { remember: 'chosen' } : {};

/** How a try ended, and what is to be said if it was refused. */
interface Tried {
  readonly proof: Proof;
  readonly remember: boolean;
  readonly refuse: Refuse;
}

type Refuse = (
  problem: 'wrong' | 'locked' | 'throttled',
  status: number,
  retryAfterSeconds?: number,
) => void | Promise<void>;
