/** The page that shows both sides, the link that is made when they say so, and what comes after it. */
import type { Context } from 'koa';
import { FootbridgeError } from '../../errors.ts';
import type { ClaimToken } from '../../migration/claim-tokens/claim-token.ts';
import { CLAIM_PATH } from '../../migration/claim-tokens/claim-token.ts';
import { countLately } from '../../migration/claim-tokens/claim-tokens.ts';
import { claimOrganization, claimPerson, standingOf } from '../../migration/claim-tokens/claiming.ts';
import { claimantOf, issueFor } from '../../migration/claim-tokens/issuing.ts';
import { linkedAmong } from '../../migration/claim-tokens/organization-links.ts';
import type { LegacyEntry, User } from '../../user.ts';
import { goOn } from '../login-end.ts';
import type { ClaimDonePage } from '../pages/page.ts';
import type { Claiming, Done } from './claim-cookie.ts';
import type { ClaimKit } from './claim-kit.ts';
import { loginPageOf, needed } from './claim-kit.ts';
import { identityHere, identityThere, isEmailDifferent, maskedThere } from './identities.ts';
import type { ToTarget } from './to-target.ts';
import { signInPath } from './to-target.ts';

/** Organizations on one page; whoever owns more is shown them as they are linked. */
const SHOWN = 20;
/** For one person: more than anybody has organizations, and a browser that goes in circles does not fill our table. */
const MAX_PER_HOUR = 300;
const HOUR_SECONDS = 3_600;

export class Confirming {
  readonly #kit: ClaimKit;
  readonly #toTarget: ToTarget;

  constructor(kit: ClaimKit, toTarget: ToTarget) {
    this.#kit = kit;
    this.#toTarget = toTarget;
  }

  /** Both sides are proved: the link is one press of a button away. */
  async ask(ctx: Context, claiming: Claiming, { user }: LegacyEntry): Promise<void> {
    const kit = this.#kit;
    const { target } = kit.targetOfClaim(ctx, claiming);
    const there = claiming.there ?? claiming.done?.there;
    const organization = kit.organizationOf(user, claiming.token?.organization);
    kit.options.renderPage(ctx, {
      page: 'claim-confirm',
      action: CLAIM_PATH,
      formToken: kit.formToken(claiming),
      targetName: target.displayName,
      here: identityHere(kit.options.siteName, user),
      there: there ? identityThere(target.displayName, there) : { system: target.displayName },
      isEmailDifferent: claiming.there !== undefined && isEmailDifferent(user, claiming.there),
      ...(organization && claiming.organizationThere
        ? { organization: { here: organization.name, there: claiming.organizationThere.name } }
        : {}),
    });
  }

  async link(
    ctx: Context,
    claiming: Claiming,
    { token, user }: { readonly token: ClaimToken; readonly user: User },
  ): Promise<void> {
    const kit = this.#kit;
    const { target } = kit.targetOfClaim(ctx, claiming);
    const { there, organizationThere } = claiming;
    const organizationName = kit.organizationOf(user, token.organization)?.name ?? '';
    try {
      if (token.purpose === 'organization') {
        const ours = { id: token.id, sub: token.sub, organization: needed(token.organization ?? undefined) };
        await claimOrganization(kit.options.claiming, {
          token: ours,
          target: target.name,
          there: needed(organizationThere),
          name: organizationName,
        });
      } else {
        const proved = needed(there);
        await claimPerson(kit.options.claiming, {
          token,
          target,
          there: proved,
          thereMasked: maskedThere(proved),
        });
      }
    } catch (error) {
      return kit.fail(ctx, claiming, error);
    }
    kit.options.onClaim({ target: target.name, purpose: token.purpose, outcome: 'linked' });
    kit.options.kick(token.organization ?? token.sub);
    await this.#remember(ctx, claiming, token);
    goOn(ctx, CLAIM_PATH);
  }

  /** What the last page needs; the token is spent, and its proofs are of no use any more. */
  async #remember(
    ctx: Context,
    { target, use, uid, there, done }: Claiming,
    { sub, organization }: ClaimToken,
  ): Promise<void> {
    const proved = there ?? done?.there;
    const present = await this.#kit.whoIsHere(ctx);
    this.#kit.cookie.write(ctx, {
      target,
      use,
      ...(uid ? { uid } : {}),
      done: {
        sub,
        ...(present?.uid ? { session: present.uid } : {}),
        ...(proved ? { there: proved } : {}),
        ...(organization ? { organization } : {}),
      },
    });
  }

  /** What was proved dies with the logout and with the link: nobody goes on from it, and nobody reads whose it was. */
  async #stillDone(ctx: Context, claiming: Claiming): Promise<Done> {
    const kit = this.#kit;
    const done = claiming.done ?? kit.stop(ctx, claiming, 'lost');
    const { sub, there, session } = done;
    const present = await kit.whoIsHere(ctx);
    const isSameBrowser = present?.uid === session || present?.sub === sub;
    const asked = { target: claiming.target, sub, targetUserId: there?.targetUserId };
    const { kind } = await standingOf(kit.options.db, asked);
    if (kind === 'linked' && isSameBrowser) return done;
    kit.cookie.clear(ctx);
    return kit.stop(ctx, undefined, 'lost');
  }

  /** It is done; and the organizations that they own can follow. */
  async done(ctx: Context, claiming: Claiming): Promise<void> {
    const kit = this.#kit;
    const { target } = kit.targetOfClaim(ctx, claiming);
    const { sub, there, organization } = await this.#stillDone(ctx, claiming);
    const { user } = await kit.entryOf(ctx, claiming, sub);
    const linked = organization && (kit.organizationOf(user, organization)?.name ?? organization);
    const { uid } = claiming;
    const onward = uid
      ? { href: signInPath(uid, target.name), name: kit.options.siteName }
      : { href: loginPageOf(target), name: target.displayName };
    kit.options.renderPage(ctx, {
      page: 'claim-done',
      action: CLAIM_PATH,
      formToken: kit.formToken(claiming),
      targetName: target.displayName,
      ...(linked ? { organization: linked } : {}),
      here: identityHere(kit.options.siteName, user),
      there: there ? identityThere(target.displayName, there) : { system: target.displayName },
      organizations: await this.#organizations(ctx, claiming, user),
      continue: onward,
    });
  }

  async #organizations(
    ctx: Context,
    claiming: Claiming,
    user: User,
  ): Promise<ClaimDonePage['organizations']> {
    const { db, directory } = this.#kit.options;
    const { settings } = this.#kit.targetOfClaim(ctx, claiming);
    if (!settings.organizations) return [];
    const owned = (user.organizations ?? []).flatMap(({ id, name, isOwner }) => {
      const key = isOwner ? directory.organizationKey(user.sub, id) : undefined;
      return key === undefined ? [] : [{ id, name, key }];
    });
    const keys = owned.map(({ key }) => key);
    const linked = await linkedAmong(db, [claiming.target], keys);
    const shown = owned.map(({ id, name, key }) => ({
      id,
      name,
      state: linked.has(key) ? ('linked' as const) : ('open' as const),
    }));
    const isOpen = ({ state }: (typeof shown)[number]) => state === 'open';
    // What is still to do comes first: nobody may own more than are shown, and never see the last of them.
    return [...shown.filter(isOpen), ...shown.filter((one) => !isOpen(one))].slice(0, SHOWN);
  }

  /** On to one of their organizations: a token of its own, for this browser alone. */
  async chain(ctx: Context, claiming: Claiming, organizationId: string): Promise<void> {
    const kit = this.#kit;
    const { target, uid } = claiming;
    const done = await this.#stillDone(ctx, claiming);
    const { sub } = done;
    try {
      const token = await this.issue({ target, sub, organization: organizationId }, 'chain');
      const next = kit.cookie.write(ctx, {
        target,
        use: 'claim',
        token,
        ...(uid ? { uid } : {}),
        ...(done.session ? { bySession: true } : {}),
        done,
      });
      await this.#toTarget.go(ctx, next, { entry: await kit.entryOf(ctx, claiming, sub) });
    } catch (error) {
      await kit.fail(ctx, claiming, error);
    }
  }

  /** A token whose text nobody needs, as it goes into this browser's cookie at once. */
  async issue(
    wish: { readonly target: string; readonly sub: string; readonly organization?: string },
    origin: 'login' | 'chain' | 'sign-in',
  ): Promise<NonNullable<Claiming['token']>> {
    const { db, directory, claimTokens, issuer, claiming } = this.#kit.options;
    const deps = { db, directory, claimTokens, issuer, pseudonym: claiming.pseudonym };
    const claimant = await claimantOf(deps, wish);
    if ((await countLately(db, { ...wish, seconds: HOUR_SECONDS })) >= MAX_PER_HOUR)
      throw new FootbridgeError('throttled', { retryAfterSeconds: HOUR_SECONDS });
    const { id, purpose } = await issueFor(deps, { wish, claimant }, { origin, actor: 'user' });
    return { id, purpose, sub: wish.sub, organization: claimant.organization?.key ?? null, origin };
  }
}
