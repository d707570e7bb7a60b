/**
 * A person's way through a link: opened, who it is for, to the target, both sides, done. Nothing happens by following a
 * link: looking at one changes nothing, and every step is a press of a button.
 */
import type { Context } from 'koa';
import type { ClaimOrigin, ClaimToken } from '../../migration/claim-tokens/claim-token.ts';
import { CLAIM_PATH } from '../../migration/claim-tokens/claim-token.ts';
import { findByText, noteClaim } from '../../migration/claim-tokens/claim-tokens.ts';
import { organizationStanding, standingOf } from '../../migration/claim-tokens/claiming.ts';
import { hasSecondFactor } from '../../sessions/second-factor.ts';
import type { LegacyEntry, User } from '../../user.ts';
import { goOn } from '../login-end.ts';
import type { Claiming } from './claim-cookie.ts';
import type { ClaimKit, Present } from './claim-kit.ts';
import { problemOf } from './claim-problems.ts';
import type { Confirming } from './confirming.ts';
import { identityHere, identityThere, maskedHere } from './identities.ts';
import type { ToTarget } from './to-target.ts';
import { WaysOut } from './ways-out.ts';

/** Whoever has such a link has a mailbox, or heard it from an operator: a second factor is not in there. */
const SENT: readonly ClaimOrigin[] = ['campaign', 'operator', 'letter'];

/** Where a link stands before it leads to the target. */
interface Standing {
  readonly token: ClaimToken | undefined;
  readonly entry: LegacyEntry | undefined;
  readonly present: Present | undefined;
  /** They have to log in here before they go on. */
  readonly needsLogin: boolean;
}

export class ClaimFlow {
  readonly #kit: ClaimKit;
  readonly #toTarget: ToTarget;
  readonly #confirming: Confirming;
  readonly #waysOut: WaysOut;

  constructor(kit: ClaimKit, toTarget: ToTarget, confirming: Confirming) {
    this.#kit = kit;
    this.#toTarget = toTarget;
    this.#confirming = confirming;
    this.#waysOut = new WaysOut(kit, toTarget);
  }

  /** The link itself: from here on it is in no URL. */
  async open(ctx: Context): Promise<void> {
    const kit = this.#kit;
    if (!(await kit.options.lookups.take(ctx.ip)))
      return kit.options.renderPage(ctx, { page: 'error', kind: 'throttled', retryAfterSeconds: 60 }, 429);
    const token = await findByText(kit.options.db, String(ctx.params.token)).catch((error: unknown) => {
      const problem = problemOf(error);
      if (!problem) throw error;
      return kit.stop(ctx, undefined, problem);
    });
    if (!kit.targetOf(token.target)) return kit.stop(ctx, undefined, 'unknown');
    const { id, purpose, sub, organization, origin, target } = token;
    kit.cookie.write(ctx, { use: 'claim', target, token: { id, purpose, sub, organization, origin } });
    goOn(ctx, CLAIM_PATH);
  }

  /** For somebody who comes by themselves: whoever logs in here is the person. */
  async start(ctx: Context): Promise<void> {
    const kit = this.#kit;
    const at = kit.targetOf(String(ctx.params.target));
    if (!at) return kit.stop(ctx, undefined, 'unknown');
    kit.cookie.write(ctx, { use: 'claim', target: at.target.name, bySession: true });
    goOn(ctx, CLAIM_PATH);
  }

  async show(ctx: Context): Promise<void> {
    const kit = this.#kit;
    const claiming = kit.cookie.read(ctx);
    if (claiming?.use !== 'claim') return kit.stop(ctx, undefined, 'lost');
    if (claiming.done && !claiming.token) return this.#confirming.done(ctx, claiming);
    const standing = await this.#standing(ctx, claiming);
    const { token, entry } = standing;
    if (token && entry && (claiming.there || claiming.organizationThere) && !standing.needsLogin)
      return this.#confirming.ask(ctx, claiming, entry);
    // A mail scanner that only asks whether there is a page has opened nothing.
    if (token && ctx.method !== 'HEAD') await noteClaim(kit.options.db, token.id, 'opened');
    this.#first(ctx, claiming, standing);
  }

  #first(ctx: Context, claiming: Claiming, { token, entry, present, needsLogin }: Standing): void {
    const kit = this.#kit;
    const { target } = kit.targetOfClaim(ctx, claiming);
    const system = kit.options.siteName;
    const isThem = entry !== undefined && present?.sub === entry.user.sub;
    const organization = entry && kit.organizationOf(entry.user, token?.organization);
    kit.options.renderPage(ctx, {
      page: 'claim',
      action: CLAIM_PATH,
      formToken: kit.formToken(claiming),
      targetName: target.displayName,
      ...(claiming.there ? { there: identityThere(target.displayName, claiming.there) } : {}),
      here: entry ? (isThem ? identityHere(system, entry.user) : maskedHere(system, entry.user)) : { system },
      ...(organization ? { organization: organization.name } : {}),
      needsLogin,
    });
  }

  /** Stops where there is nothing to go on with. */
  async #standing(ctx: Context, claiming: Claiming): Promise<Standing> {
    const kit = this.#kit;
    const token = await kit.openToken(ctx, claiming);
    const present = await kit.whoIsHere(ctx, claiming);
    const sub = token?.sub ?? present?.sub;
    if (sub === undefined) return { token, entry: undefined, present, needsLogin: true };
    if (present && present.sub !== sub) return kit.stop(ctx, claiming, 'wrong_account');
    const entry = await kit.entryOf(ctx, claiming, sub);
    if (token) await this.#checkLinks(ctx, claiming, { token, user: entry.user });
    const isBySession =
      claiming.bySession === true || (token !== undefined && this.#asksForLogin(claiming, token, entry));
    return { token, entry, present, needsLogin: isBySession && present === undefined };
  }

  /** Whoever is linked by now needs no link. */
  async #checkLinks(
    ctx: Context,
    claiming: Claiming,
    { token, user }: { readonly token: ClaimToken; readonly user: User },
  ): Promise<void> {
    const kit = this.#kit;
    const { db } = kit.options;
    const { target, sub, organization } = token;
    if (organization !== null) {
      const linked = (await organizationStanding(db, { target, organization })) !== 'free';
      if (linked) return kit.stop(ctx, claiming, 'organization_linked');
      if ((await standingOf(db, { target, sub })).kind !== 'linked')
        return kit.stop(ctx, claiming, 'person_first');
      // A link is good for days: whoever has left the organization meanwhile does not link it any more.
      if (!kit.organizationOf(user, organization)?.isOwner) return kit.stop(ctx, claiming, 'owner_needed');
      return;
    }
    const { kind } = await standingOf(db, { target, sub });
    if (kind === 'barred') return kit.stop(ctx, claiming, 'gone');
    if (kind === 'free') return;
    await kit.warn(sub, target);
    kit.stop(ctx, claiming, 'linked');
  }

  #asksForLogin(
    { target }: Claiming,
    { origin, purpose }: ClaimToken,
    { credentials }: LegacyEntry,
  ): boolean {
    const rule = this.#kit.targetOf(target)?.settings.legacyLogin;
    if (!SENT.includes(origin)) return false;
    // A hub does not say who acted for an organization: that its owner is here, they have to show.
    if (purpose === 'organization') return true;
    if (rule === 'never') return false;
    return rule === 'always' || hasSecondFactor(credentials);
  }

  async submit(ctx: Context): Promise<void> {
    const kit = this.#kit;
    const claiming = kit.cookie.read(ctx);
    if (claiming?.use !== 'claim') return kit.stop(ctx, undefined, 'lost');
    const form = kit.formOf(ctx, claiming);
    const organization = form.get('organization');
    if (organization) return this.#confirming.chain(ctx, claiming, organization);
    const choice = form.get('choice') ?? '';
    const act = Object.hasOwn(CHOICES, choice) ? CHOICES[choice as Choice] : undefined;
    if (act) return act.call(this, ctx, claiming);
    if (!(await this.#waysOut.take(ctx, claiming, choice))) kit.stop(ctx, claiming, 'lost');
  }

  async goOn(ctx: Context, claiming: Claiming): Promise<void> {
    const { token, entry, present, needsLogin } = await this.#standing(ctx, claiming);
    if (needsLogin || !entry) return this.#kit.logIn(ctx, claiming);
    const ready = token ? claiming : await this.#withToken(ctx, claiming, present);
    if (claiming.there) return this.#afterLogin(ctx, ready);
    await this.#toTarget.go(ctx, ready, { entry });
  }

  /** Whoever came by themselves, or by a sign-in at the target, has one from here on. */
  async #withToken(ctx: Context, claiming: Claiming, present: Present | undefined): Promise<Claiming> {
    const kit = this.#kit;
    const { sub } = present ?? kit.stop(ctx, claiming, 'lost');
    try {
      const token = await this.#confirming.issue(
        { target: claiming.target, sub },
        claiming.there ? 'sign-in' : 'login',
      );
      return kit.cookie.write(ctx, { ...claiming, token });
    } catch (error) {
      return kit.fail(ctx, claiming, error);
    }
  }

  /** They were at the target already, and have now shown who they are here. */
  async #afterLogin(ctx: Context, claiming: Claiming): Promise<void> {
    const { there } = claiming;
    if (!there) return;
    try {
      await this.#toTarget.hold(ctx, claiming, there);
    } catch (error) {
      return this.#kit.fail(ctx, claiming, error);
    }
    goOn(ctx, CLAIM_PATH);
  }

  /** Back from our own login page; they had pressed the button before. */
  async returned(ctx: Context): Promise<void> {
    const kit = this.#kit;
    const { pressed, ...claiming } = kit.cookie.read(ctx) ?? kit.stop(ctx, undefined, 'lost');
    if (claiming.use !== 'claim') return kit.stop(ctx, undefined, 'lost');
    // They gave up, or a page of somebody else's has sent them here: our page says what to do.
    if (!pressed || !(await kit.whoIsHere(ctx, claiming))) return goOn(ctx, CLAIM_PATH);
    kit.cookie.write(ctx, claiming);
    await this.goOn(ctx, claiming);
  }

  async otherAccount(ctx: Context, claiming: Claiming): Promise<void> {
    const { token, entry, needsLogin } = await this.#standing(ctx, claiming);
    if (token) await this.#toTarget.letGo(token, claiming);
    const { there: _, organizationThere: __, ...rest } = claiming;
    // Going on says whose link it is, and who has to log in here first has not done that yet.
    if (needsLogin) {
      this.#kit.cookie.write(ctx, rest);
      return goOn(ctx, CLAIM_PATH);
    }
    await this.#toTarget.go(ctx, rest, { entry, isOtherAccount: true });
  }

  async link(ctx: Context, claiming: Claiming): Promise<void> {
    const { token, entry, needsLogin } = await this.#standing(ctx, claiming);
    const isProved = claiming.there ?? claiming.organizationThere;
    if (!token || !entry || !isProved || needsLogin) return goOn(ctx, CLAIM_PATH);
    await this.#confirming.link(ctx, claiming, { token, user: entry.user });
  }
}

const CHOICES = {
  continue: ClaimFlow.prototype.goOn,
  retry: ClaimFlow.prototype.goOn,
  other: ClaimFlow.prototype.otherAccount,
  'other-account': ClaimFlow.prototype.otherAccount,
  link: ClaimFlow.prototype.link,
} as const;
type Choice = keyof typeof CHOICES;
