/**
 * What the login forms carry: a token that binds each form to its own login, so that a foreign site cannot log a
 * person in as somebody else, and between password and second factor the sealed fact that the password was right.
 */

import type { Context } from 'koa';
import { postedForm } from '../body.ts';
import { nowSeconds } from '../clock.ts';
import type { Keyring } from '../store/encryption.ts';
import type { Factor } from './login-factors.ts';

/** How long a proved password waits for its second factor. */
const STEP_SECONDS = 300;

/** What is known between password and second factor. */
export interface Step {
  /** Whose password was proved. */
  readonly sub: string;
  /** When; seconds since the epoch. */
  readonly at: number;
  /** By what it can be followed. */
  readonly ways: readonly Factor[];
  /** They want to stay signed in on this device. */
  readonly remember?: boolean;
  /** base64url; what this page’s passkey is to sign. */
  readonly challenge?: string;
}

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
    const form = postedForm(ctx.state) ?? new URLSearchParams();
    const { origin, 'sec-fetch-site': site } = ctx.headers;
    if ((origin !== undefined && origin !== this.#issuer && origin !== 'null') || site === 'cross-site')
      return undefined;
    return this.#keyring.equal(form.get('form_token') ?? '', this.token(uid)) ? form : undefined;
  }

  /** For the second form: this person has just proved the password, on this login page. */
  sealStep(uid: string, step: Step): string {
    return this.#keyring.seal('login-step', JSON.stringify(step), uid);
  }

  /** What was sealed, or undefined when the password was proved too long ago or on another page. */
  openStep(uid: string, sealed: string): Step | undefined {
    const opened = this.#keyring.open('login-step', sealed, uid);
    if (!opened) return undefined;
    const step = JSON.parse(opened.toString()) as Step;
    return nowSeconds() - step.at <= STEP_SECONDS ? step : undefined;
  }
}
