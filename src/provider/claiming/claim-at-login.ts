/** The old login ends: a right password is no longer enough, or for some time still, behind a page that asks to link. */
import type { Context } from 'koa';
import { nowSeconds } from '../../clock.ts';
import { standingOf } from '../../migration/claim-tokens/claiming.ts';
import type { EnforcementStanding } from '../../migration/claim-tokens/enforcement.ts';
import { noticePart } from '../../migration/claim-tokens/notices.ts';
import type { LegacyEntry, User } from '../../user.ts';
import { isSecure } from '../cookies.ts';
import { LOGIN_PATH } from '../interaction-cookie.ts';
import { goOn } from '../login-end.ts';
import type { Interaction } from '../login-options.ts';
import { CLAIM_CLIENT, CLAIM_RETURN_PATH } from '../own-clients.ts';
import { currentScope } from '../request-scope.ts';
import type { ClaimKit, ClaimTarget } from './claim-kit.ts';
import { loginPageOf } from './claim-kit.ts';
import type { Confirming } from './confirming.ts';
import { maskedEmail } from './identities.ts';
import type { ToTarget } from './to-target.ts';
import { signInPath } from './to-target.ts';

/** Password and second factor are proved. */
export interface ProvedHere {
  readonly user: User;
  readonly amr: readonly string[];
  readonly remember: boolean;
}

export interface ClaimStep extends Omit<ProvedHere, 'user'> {
  readonly target: string;
  readonly sub: string;
  readonly kind: 'soon' | 'refused';
  /** Seconds since the epoch. */
  readonly at: number;
}

/** As long as a proved password waits for its second factor. */
const STEP_SECONDS = 300;
/** Who has said "not now" is not asked again at every login of a day. */
const LATER_SECONDS = 86_400;

interface Asked {
  readonly at: ClaimTarget;
  readonly proved: ProvedHere;
  readonly entry: LegacyEntry;
  /** Only if it stands so. */
  readonly kind: 'soon' | 'refused';
}

export class ClaimAtLogin {
  readonly #kit: ClaimKit;
  readonly #toTarget: ToTarget;
  readonly #confirming: Confirming;

  constructor(kit: ClaimKit, toTarget: ToTarget, confirming: Confirming) {
    this.#kit = kit;
    this.#toTarget = toTarget;
    this.#confirming = confirming;
  }

  /** True: the answer is written, and nobody is logged in yet. Throws legacy_unavailable, storage_unavailable. */
  async stops(ctx: Context, interaction: Interaction, proved: ProvedHere): Promise<boolean> {
    const { claimTokens, targets } = this.#kit.options;
    const clientId = String(interaction.params.client_id);
    if (clientId === CLAIM_CLIENT) return this.#proved(ctx, proved);
    const own = targets.byClient(clientId)?.name;
    const concerned = claimTokens.flatMap(({ target: name, enforcement }) => {
      const at = enforcement.length > 0 && name !== own ? this.#kit.targetOf(name) : undefined;
      return at ? [at] : [];
    });
    if (concerned.length === 0) return false;
    const entry = await this.#kit.options.directory.findBySub(proved.user.sub);
    // What refuses comes first: "not now", said to the page of one target, must not lead past the end of another.
    for (const kind of entry ? (['refused', 'soon'] as const) : [])
      for (const at of concerned)
        if (await this.#stopsFor(ctx, interaction, { at, proved, entry: entry!, kind })) return true;
    return false;
  }

  /**
   * They have logged in to link their account, and for nothing else: were it a session, the old login would go on by this
   * door after it has ended.
   */
  #proved(ctx: Context, { user }: ProvedHere): true {
    const kit = this.#kit;
    const claiming = kit.cookie.read(ctx);
    if (claiming?.use !== 'claim') {
      // Answered, and not thrown: what the login has used up, such as a code, is written down all the same.
      kit.answer(ctx, undefined, 'lost');
      return true;
    }
    kit.cookie.write(ctx, { ...claiming, proved: { sub: user.sub, at: nowSeconds() } });
    goOn(ctx, CLAIM_RETURN_PATH);
    return true;
  }

  async #stopsFor(
    ctx: Context,
    interaction: Interaction,
    { at, proved, entry, kind: asked }: Asked,
  ): Promise<boolean> {
    const { enforcement, db, renderPage } = this.#kit.options;
    const { sub } = proved.user;
    const standing = await enforcement.standingOf(at.target.name, entry);
    if (standing.kind === 'free' || standing.kind !== asked) return false;
    const { kind } = await standingOf(db, { target: at.target.name, sub });
    if (kind === 'barred') return false;
    if (kind === 'linked') {
      if (standing.kind === 'soon') return false;
      const href = at.settings.signIn ? signInPath(interaction.uid, at.target.name) : loginPageOf(at.target);
      renderPage(ctx, { page: 'moved', targetName: at.target.displayName, href });
      return true;
    }
    if (standing.kind === 'soon' && this.#saidLater(ctx, at.target.name)) return false;
    this.#ask(ctx, interaction, { at, proved, standing, entry });
    return true;
  }

  #ask(
    ctx: Context,
    { uid }: Interaction,
    asked: {
      readonly at: ClaimTarget;
      readonly proved: ProvedHere;
      readonly standing: Exclude<EnforcementStanding, { kind: 'free' }>;
      readonly entry: LegacyEntry;
    },
  ): void {
    const kit = this.#kit;
    const { at, proved, standing, entry } = asked;
    const { target } = at;
    const { email, emailVerified, sub } = entry.user;
    const isMailed = kit.options.mails && standing.kind === 'refused' && email !== undefined && emailVerified;
    if (isMailed) {
      const scope = currentScope(kit.options.scopes);
      scope.also(noticePart({ target: target.name, sub, notice: 'claim-enforced', detail: {} }));
      scope.onCommit(() => kit.options.kick(sub));
    }
    const { amr, remember } = proved;
    const step: ClaimStep = {
      target: target.name,
      sub,
      amr,
      remember,
      kind: standing.kind,
      at: nowSeconds(),
    };
    kit.options.renderPage(
      ctx,
      {
        page: 'claim-needed',
        kind: standing.kind,
        action: `${LOGIN_PATH}/${uid}`,
        formToken: kit.forms.token(uid),
        step: kit.options.keyring.seal('claim-step', JSON.stringify(step), uid),
        targetName: target.displayName,
        ...(standing.kind === 'soon' ? { until: standing.until.toISOString().slice(0, 10) } : {}),
        ...(isMailed && email ? { mailedTo: maskedEmail(email) } : {}),
      },
      standing.kind === 'refused' ? 403 : 200,
    );
  }

  /** What was chosen on that page; undefined: it is none of ours, or too old. */
  opened({ uid }: Interaction, sealed: string | null): ClaimStep | undefined {
    const opened = sealed ? this.#kit.options.keyring.open('claim-step', sealed, uid) : undefined;
    if (!opened) return undefined;
    const step = JSON.parse(opened.toString()) as ClaimStep;
    return nowSeconds() - step.at <= STEP_SECONDS ? step : undefined;
  }

  /** "Not now": the login goes on, where that is still possible. */
  async later(
    ctx: Context,
    step: ClaimStep,
  ): Promise<(ProvedHere & { readonly entry: LegacyEntry }) | undefined> {
    if (step.kind !== 'soon') return undefined;
    const entry = await this.#kit.options.directory.findBySub(step.sub);
    if (entry?.user.state !== 'active') return undefined;
    const { issuer } = this.#kit.options;
    const secure = isSecure(issuer) ? '; Secure' : '';
    ctx.append(
      'Set-Cookie',
      `${laterCookie(step.target)}=1; Path=${LOGIN_PATH}; Max-Age=${LATER_SECONDS}; HttpOnly; SameSite=Lax${secure}`,
    );
    return { user: entry.user, entry, amr: step.amr, remember: step.remember };
  }

  #saidLater = (ctx: Context, target: string) =>
    ctx.cookies.get(laterCookie(target), { signed: false }) !== undefined;

  /** They have just proved who they are: to the target at once, and back into this login. */
  async link(ctx: Context, { uid }: Interaction, { target, sub }: ClaimStep): Promise<void> {
    const kit = this.#kit;
    const begun = kit.cookie.write(ctx, { use: 'claim', target, uid });
    try {
      const token = await this.#confirming.issue({ target, sub }, 'login');
      const entry = await kit.options.directory.findBySub(sub);
      await this.#toTarget.go(ctx, kit.cookie.write(ctx, { ...begun, token }), { entry });
    } catch (error) {
      await kit.fail(ctx, begun, error);
    }
  }
}

const laterCookie = (target: string) => `fb_later_${target}`;
