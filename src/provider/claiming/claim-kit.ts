/** What every step of a link shares. */
import type { Context } from 'koa';
import { nowSeconds } from '../../clock.ts';
import { FootbridgeError, isFootbridgeError } from '../../errors.ts';
import type { ClaimTokenSettings } from '../../migration/claim-tokens/claim-settings.ts';
import type { ClaimToken } from '../../migration/claim-tokens/claim-token.ts';
import { CLAIM_PATH } from '../../migration/claim-tokens/claim-token.ts';
import { findClaimToken, noteFailure } from '../../migration/claim-tokens/claim-tokens.ts';
import { noticePart } from '../../migration/claim-tokens/notices.ts';
import type { TargetSignIn } from '../../targets/sign-in.ts';
import type { Target } from '../../targets/target.ts';
import type { LegacyEntry, LegacyOrganization, User } from '../../user.ts';
import { Answered } from '../failure.ts';
import { goOn } from '../login-end.ts';
import { LoginForms } from '../login-forms.ts';
import { CLAIM_CLIENT, CLAIM_RETURN_PATH, ownLoginPath } from '../own-clients.ts';
import type { ClaimProblem, ClaimWay } from '../pages/page.ts';
import { isTooOld } from '../session-lives.ts';
import type { Claiming } from './claim-cookie.ts';
import { ClaimCookie } from './claim-cookie.ts';
import { PROBLEMS, problemOf } from './claim-problems.ts';
import type { ClaimingOptions } from './claiming-options.ts';

/** The target of a link, with everything that it takes. */
export interface ClaimTarget {
  readonly target: Target;
  readonly settings: ClaimTokenSettings;
  readonly signIn: TargetSignIn;
}

export interface Present {
  readonly sub: string;
  /** Of their session, where there is one. */
  readonly uid?: string;
}

/** A password that was typed for a link is good for it that long: signing up at a target takes time. */
const PROOF_SECONDS = 1_800;

export class ClaimKit {
  readonly options: ClaimingOptions;
  readonly cookie: ClaimCookie;
  readonly forms: LoginForms;

  constructor(options: ClaimingOptions) {
    this.options = options;
    this.cookie = new ClaimCookie(options.keyring, options.issuer);
    this.forms = new LoginForms(options.keyring, options.issuer);
  }

  targetOf(name: string): ClaimTarget | undefined {
    const { claimTokens, targets } = this.options;
    const settings = claimTokens.find((one) => one.target === name);
    const [target, signIn] = [targets.byName(name), targets.signIn(name)];
    return settings && target && signIn ? { target, settings, signIn } : undefined;
  }

  /** Of a cookie whose target the settings no longer have, there is nothing to be made. */
  targetOfClaim(ctx: Context, { target }: Claiming): ClaimTarget {
    return this.targetOf(target) ?? this.stop(ctx, undefined, 'unknown');
  }

  /** Who has logged in for this link, or else whose session of ours this browser has. */
  async whoIsHere(ctx: Context, claiming?: Claiming): Promise<Present | undefined> {
    const { proved } = claiming ?? {};
    if (proved && nowSeconds() - proved.at <= PROOF_SECONDS) return { sub: proved.sub };
    const session = await this.options.provider.Session.get(ctx as never);
    const { accountId, uid } = session;
    return accountId && !isTooOld(session, this.options.lifetimes) ? { sub: accountId, uid } : undefined;
  }

  /** The token as it is now; the page says what became of it where it is of no use. */
  async openToken(ctx: Context, claiming: Claiming): Promise<ClaimToken | undefined> {
    if (!claiming.token) return undefined;
    const token = await findClaimToken(this.options.db, claiming.token.id);
    if (!token) return this.stop(ctx, claiming, 'unknown');
    if (token.state === 'expired') return this.stop(ctx, claiming, 'expired');
    if (token.state !== 'open')
      return this.stop(ctx, claiming, token.state === 'claimed' ? 'used' : 'revoked');
    return token;
  }

  /** Read afresh. Whoever is gone or may not log in links nothing. */
  async entryOf(ctx: Context, claiming: Claiming, sub: string): Promise<LegacyEntry> {
    const entry = await this.options.directory.findBySub(sub);
    return entry?.user.state === 'active' ? entry : this.stop(ctx, claiming, 'gone');
  }

  organizationOf(user: User, key: string | null | undefined): LegacyOrganization | undefined {
    const { directory } = this.options;
    return user.organizations?.find(({ id }) => directory.organizationKey(user.sub, id) === key);
  }

  /** The posted form, if it is one of this link in this browser. */
  formOf(ctx: Context, claiming: Claiming): URLSearchParams {
    const form = this.forms.read(ctx, formOf(claiming));
    return form ?? this.stop(ctx, claiming, 'lost', 403);
  }

  formToken = (claiming: Claiming): string => this.forms.token(formOf(claiming));

  /** To our own login page and back; `isOther`: whoever is logged in is not who is asked for. */
  logIn(ctx: Context, claiming: Claiming, { isOther = false }: { readonly isOther?: boolean } = {}): void {
    this.cookie.write(ctx, { ...claiming, pressed: true });
    const sub = claiming.token?.sub;
    const path = ownLoginPath({
      client_id: CLAIM_CLIENT,
      redirect_uri: `${this.options.issuer}${CLAIM_RETURN_PATH}`,
      ...(sub ? { login_hint: sub } : {}),
      ...(isOther ? { prompt: 'login' } : {}),
    });
    goOn(ctx, path);
  }

  /** Says why there is no link, and stops. */
  stop(ctx: Context, claiming: Claiming | undefined, problem: ClaimProblem, status?: number): never {
    this.answer(ctx, claiming, problem, status);
    throw new Answered();
  }

  /** Says why there is no link. */
  answer(ctx: Context, claiming: Claiming | undefined, problem: ClaimProblem, status?: number): void {
    const [usual, ...ways] = PROBLEMS[problem];
    const at = claiming && this.targetOf(claiming.target);
    const offered = ways.flatMap((way) => this.#way(way, claiming));
    if (claiming)
      this.options.onClaim({ target: claiming.target, purpose: purposeOf(claiming), outcome: problem });
    this.options.renderPage(
      ctx,
      {
        page: 'claim-problem',
        problem,
        action: CLAIM_PATH,
        ...(at ? { targetName: at.target.displayName } : {}),
        ...(claiming ? { formToken: this.formToken(claiming) } : {}),
        ways: offered,
        ...(at?.settings.contact ? { contact: at.settings.contact } : {}),
      },
      status ?? usual,
    );
  }

  #way(way: ClaimWay, claiming: Claiming | undefined): { way: ClaimWay; href?: string }[] {
    if (!claiming) return way === 'sign-in' ? this.#fromTheStart() : [];
    if (way === 'continue') {
      const at = this.targetOf(claiming.target);
      return at ? [{ way, href: loginPageOf(at.target) }] : [];
    }
    // The letter with a new one is a person's; an organization's link is asked for anew where it came from.
    if (way === 'new-link' && claiming.token?.purpose === 'organization') return [];
    return [{ way }];
  }

  /** Nobody knows which link it was: whoever has an account here begins by logging in. */
  #fromTheStart(): { way: ClaimWay; href: string }[] {
    const [only, another] = this.options.claimTokens;
    return only && !another ? [{ way: 'retry', href: `${CLAIM_PATH}/start/${only.target}` }] : [];
  }

  /** An error that is about this link becomes its page, and is written down; every other is thrown on. */
  async fail(ctx: Context, claiming: Claiming, error: unknown): Promise<never> {
    if (error instanceof Answered) throw error;
    const problem = problemOf(error);
    if (!problem) throw error;
    const { token } = claiming;
    const isOurs = isFootbridgeError(error) && error.status >= 500;
    if (isOurs || problem === 'refused' || problem === 'target_down') this.options.onError(error, CLAIM_PATH);
    if (token) await noteFailure(this.options.db, token.id, problem);
    if (token && (problem === 'linked_elsewhere' || problem === 'conflict'))
      await this.warn(token.sub, claiming.target);
    return this.stop(ctx, claiming, problem);
  }

  /** The owner of a linked account hears that somebody has tried. */
  async warn(sub: string, target: string): Promise<void> {
    const part = noticePart({ target, sub, notice: 'link-tried', detail: {} });
    await this.options.db.runParts([part], 'select 1');
    this.options.kick(sub);
  }
}

/** A form is good for what its page has shown: another tab may have gone on with somebody else, under the same nonce. */
const formOf = ({ nonce, token, there, organizationThere }: Claiming) =>
  ['claim', nonce, token?.id, there?.targetUserId, organizationThere?.targetOrganizationId].join('\n');

export const purposeOf = ({ use, token }: Claiming) =>
  use === 'sign-in' ? 'sign-in' : (token?.purpose ?? 'person');

/** Where people sign in there, without saying who they are. */
export const loginPageOf = ({ loginUrl }: Pick<Target, 'loginUrl'>): string => loginUrl.split('{', 1)[0]!;

/** For what only a mistake of ours leaves out. */
export function needed<T>(value: T | undefined): T {
  if (value === undefined) throw new FootbridgeError('internal', { detail: 'a step of a link is missing' });
  return value;
}
