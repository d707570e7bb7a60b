/**
 * What the login forms carry: a token that binds each form to its own login, so that a foreign site cannot log a
 * person in as somebody else, and between password and second factor the sealed fact that the password was right.
 */

import type { Context } from 'koa';
import { nowSeconds } from '../clock.ts';
import type { Keyring } from '../store/encryption.ts';

/** How long a proved password waits for its second factor. */
const STEP_SECONDS = 300;

export class LoginForms {
  readonly #keyring: Keyring;
  readonly #issuer: string;

  constructor(keyring: Keyring, issuer: string) {
    this.#keyring = keyring;
    this.#issuer = issuer;
  }

  token(uid: string): string {
    return this.#keyring.mac('form-token', uid).toString('base64url');
  }

  /** The posted form, if it is one of ours for this login and comes from our own page. */
  read(ctx: Context, uid: string): URLSearchParams | undefined {
    const form = (ctx.state.form as URLSearchParams | undefined) ?? new URLSearchParams();
    const { origin, 'sec-fetch-site': site } = ctx.headers;
    if ((origin !== undefined && origin !== this.#issuer && origin !== 'null') || site === 'cross-site')
      return undefined;
    return this.#keyring.equal(form.get('form_token') ?? '', this.token(uid)) ? form : undefined;
  }

  /** For the second form: this person has just proved the password, on this login page. */
  sealStep(uid: string, sub: string): string {
    return this.#keyring.seal('login-step', JSON.stringify({ sub, at: nowSeconds() }), uid);
  }

  /** Whose password was proved, or undefined when that is too long ago or was on another page. */
  openStep(uid: string, step: string): string | undefined {
    const opened = this.#keyring.open('login-step', step, uid);
    if (!opened) return undefined;
    const { sub, at } = JSON.parse(opened.toString()) as { sub: string; at: number };
    return nowSeconds() - at <= STEP_SECONDS ? sub : undefined;
  }
}
