/** The pages of the second step: what is asked for, and what comes back. */
import { randomBytes } from 'node:crypto';
import { nowSeconds } from '../clock.ts';
import { requestOptions } from '../credentials/passkeys.ts';
import { LOGIN_PATH } from './interaction-cookie.ts';
import type { Factor, Factors } from './login-factors.ts';
import { factorsOf, proveCode, provePasskey, proveRecoveryCode } from './login-factors.ts';
import type { LoginForms, Step } from './login-forms.ts';
import type { LoginDeps, Proof } from './login-limits.ts';
import type { FactorPage } from './pages/index.ts';

type Problem = Pick<FactorPage, 'problem' | 'retryAfterSeconds'>;
type Passkeys = Factors['passkeys'];

/** Web Authentication Level 3, section 13.4.3 asks for 16 at least. */
const CHALLENGE_BYTES = 32;

export class SecondStep {
  readonly #deps: LoginDeps;
  readonly #forms: LoginForms;

  constructor(deps: LoginDeps, forms: LoginForms) {
    this.#deps = deps;
    this.#forms = forms;
  }

  /** The first page after a right password. There is at least one way. */
  begin(uid: string, proved: Pick<Step, 'sub' | 'remember'>, { ways, passkeys }: Factors): FactorPage {
    const step: Step = { ...proved, at: nowSeconds(), ways };
    return this.#draw(uid, step, ways[0] ?? 'totp', passkeys, {});
  }

  /** The page of one factor, for the first time or again. Throws legacy_unavailable. */
  async page(uid: string, step: Step, factor: Factor, problem: Problem = {}): Promise<FactorPage> {
    const passkeys = factor === 'passkey' ? await this.#passkeys(step.sub) : [];
    return this.#draw(uid, step, factor, passkeys, problem);
  }

  async prove(
    step: Step,
    factor: Factor,
    form: URLSearchParams,
    from: { network: string; signal: AbortSignal },
  ): Promise<Proof> {
    const attempt = { sub: step.sub, ...from };
    const field = (name: string) => form.get(name) ?? '';
    if (factor === 'totp') return proveCode(this.#deps, { ...attempt, code: field('code') });
    if (factor === 'recovery') return proveRecoveryCode(this.#deps, { ...attempt, code: field('code') });
    const assertion = {
      credentialId: field('credential_id'),
      clientData: field('client_data'),
      authenticatorData: field('authenticator_data'),
      signature: field('signature'),
      userHandle: form.get('user_handle') || undefined,
    };
    return provePasskey(this.#deps, { ...attempt, assertion, challenge: step.challenge ?? '' });
  }

  async #passkeys(sub: string): Promise<Passkeys> {
    const entry = await this.#deps.directory.findBySub(sub);
    const factors = entry && factorsOf(entry.credentials, this.#deps.relyingParty);
    return factors?.passkeys ?? [];
  }

  #draw(uid: string, step: Step, factor: Factor, passkeys: Passkeys, problem: Problem): FactorPage {
    const action = `${LOGIN_PATH}/${uid}`;
    const ways = step.ways.filter((way) => way !== factor);
    const common = {
      action,
      formToken: this.#forms.token(uid),
      ways,
      cancelHref: `${action}/cancel`,
      ...problem,
    };
    if (factor !== 'passkey') {
      const page = factor === 'totp' ? 'code' : 'recovery';
      return { page, step: this.#forms.sealStep(uid, step), ...common };
    }
    // Each page has a challenge of its own.
    const challenge = randomBytes(CHALLENGE_BYTES).toString('base64url');
    const options = requestOptions(passkeys, { ...this.#deps.relyingParty, challenge });
    const sealed = this.#forms.sealStep(uid, { ...step, challenge });
    return { page: 'passkey', step: sealed, options: JSON.stringify(options), ...common };
  }
}
