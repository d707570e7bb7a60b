/** The login pages of one login: what is on them, and in whose language. */
import type { Context } from 'koa';
import type { User } from '../user.ts';
import { LOGIN_PATH } from './interaction-cookie.ts';
import type { LoginForms } from './login-forms.ts';
import type { Interaction, LoginRoutesOptions } from './login-options.ts';
import type { Page } from './pages/index.ts';
import type { LoginPage } from './pages/page.ts';

type PagesOptions = Pick<LoginRoutesOptions, 'clientName' | 'renderPage' | 'lifetimes' | 'claimPages'>;

export class LoginPages {
  readonly #options: PagesOptions;
  readonly #forms: LoginForms;

  constructor(options: PagesOptions, forms: LoginForms) {
    this.#options = options;
    this.#forms = forms;
  }

  /** Username and password. */
  login(ctx: Context, interaction: Interaction, more: Partial<LoginPage>, status = 200): void {
    const hint = hintOf(interaction);
    const username = hint === undefined ? {} : { username: hint };
    const { remember: chosen, ...rest } = more;
    const isAsked = this.#options.lifetimes.rememberedSeconds > 0;
    const signInWith = this.#options.claimPages?.signInWith.offered(interaction) ?? [];
    const remember = isAsked ? { remember: chosen ?? 'offered' } : {};
    const page: LoginPage = {
      page: 'login',
      ...this.#common(interaction),
      ...username,
      ...remember,
      ...(signInWith.length > 0 ? { signInWith } : {}),
      ...rest,
    };
    this.render(ctx, interaction, page, status);
  }

  /** The username alone: the password is asked for on the next page, if at all. */
  username(ctx: Context, interaction: Interaction): void {
    this.render(ctx, interaction, { page: 'username', ...this.#common(interaction) });
  }

  chooseAccount(ctx: Context, interaction: Interaction, user: User): void {
    const { cancelHref: _, ...common } = this.#common(interaction);
    const name = user.name ?? user.email ?? user.username ?? user.sub;
    this.render(ctx, interaction, { page: 'choose-account', ...common, name });
  }

  render(ctx: Context, interaction: Interaction, page: Page, status = 200): void {
    ctx.state.uiLocales = interaction.params.ui_locales;
    this.#options.renderPage(ctx, page, status);
  }

  #common({ uid, params }: Interaction) {
    const name = this.#options.clientName(String(params.client_id));
    return {
      action: `${LOGIN_PATH}/${uid}`,
      formToken: this.#forms.token(uid),
      cancelHref: `${LOGIN_PATH}/${uid}/cancel`,
      ...(name ? { clientName: name } : {}),
    };
  }
}

/** The request's login_hint (OpenID Connect Core section 3.1.2.1). */
export function hintOf({ params }: Interaction): string | undefined {
  return typeof params.login_hint === 'string' && params.login_hint ? params.login_hint : undefined;
}
