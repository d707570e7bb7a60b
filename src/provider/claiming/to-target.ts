/** To the target and back: with a `state` that only this browser knows, and nothing of ours in it. */
import type { Context } from 'koa';
import type { ClaimToken } from '../../migration/claim-tokens/claim-token.ts';
import { CLAIM_PATH } from '../../migration/claim-tokens/claim-token.ts';
import { holdClaim, letGo, noteClaim } from '../../migration/claim-tokens/claim-tokens.ts';
import { holderOf, organizationStanding, standingOf } from '../../migration/claim-tokens/claiming.ts';
import { find } from '../../migration/ledger.ts';
import type { SignedIn } from '../../targets/sign-in.ts';
import type { LegacyEntry } from '../../user.ts';
import { LOGIN_PATH } from '../interaction-cookie.ts';
import { goOn } from '../login-end.ts';
import type { Claiming } from './claim-cookie.ts';
import { bounded, cut } from './claim-cookie.ts';
import type { ClaimKit } from './claim-kit.ts';
import { needed } from './claim-kit.ts';
import { hintsOf } from './identities.ts';

export const callbackPath = (target: string): string => `${CLAIM_PATH}/callback/${target}`;
export const signInPath = (uid: string, target: string): string => `${LOGIN_PATH}/${uid}/with/${target}`;

export class ToTarget {
  readonly #kit: ClaimKit;

  constructor(kit: ClaimKit) {
    this.#kit = kit;
  }

  /** `entry`: of the person whose link it is, where that is known. */
  async go(
    ctx: Context,
    claiming: Claiming,
    {
      entry,
      isOtherAccount = false,
    }: { readonly entry?: LegacyEntry | undefined; readonly isOtherAccount?: boolean },
  ): Promise<void> {
    const kit = this.#kit;
    const { signIn } = kit.targetOfClaim(ctx, claiming);
    const { token, there: _, organizationThere: __, ...rest } = claiming;
    const organization = entry && kit.organizationOf(entry.user, token?.organization);
    try {
      const { url, checks } = await signIn.begin({
        purpose: token?.purpose ?? 'person',
        redirectUri: `${kit.options.issuer}${callbackPath(claiming.target)}`,
        hints: entry ? hintsOf(entry.user, organization) : {},
        isOtherAccount,
        ...(entry?.user.locale ? { locale: entry.user.locale } : {}),
      });
      if (token) await noteClaim(kit.options.db, token.id, 'started');
      kit.cookie.write(ctx, { ...rest, ...(token ? { token } : {}), checks });
      goOn(ctx, url);
    } catch (error) {
      await kit.fail(ctx, claiming, error);
    }
  }

  /** The target has sent the browser back. */
  async back(ctx: Context): Promise<void> {
    const kit = this.#kit;
    const sent = kit.cookie.read(ctx);
    const state = typeof ctx.query.state === 'string' ? ctx.query.state : '';
    // A hub may say no without the state: that ends what this browser has begun, and does no more.
    const { error, code } = ctx.query;
    const isNo = error !== undefined && code === undefined && ctx.query.state === undefined;
    const isThisBrowser = sent?.checks && (isNo || kit.options.keyring.equal(state, sent.checks.state));
    if (!sent?.checks || !isThisBrowser || sent.target !== ctx.params.target)
      return kit.stop(ctx, undefined, 'lost');
    const { checks, ...claiming } = sent;
    // One answer for one question: a second one finds nothing to fit.
    kit.cookie.write(ctx, claiming);
    const query = new URLSearchParams(ctx.querystring);
    try {
      if (claiming.token?.purpose === 'organization')
        await this.#organization(ctx, claiming, { query, checks });
      else await this.#person(ctx, claiming, { query, checks });
    } catch (error) {
      await kit.fail(ctx, claiming, error);
    }
  }

  async #person(ctx: Context, claiming: Claiming, { query, checks }: Answer): Promise<void> {
    const kit = this.#kit;
    const { signIn } = kit.targetOfClaim(ctx, claiming);
    const there = bounded(await signIn.finish(query, checks));
    if (claiming.use === 'sign-in') {
      kit.cookie.write(ctx, { ...claiming, there });
      return goOn(ctx, signInPath(needed(claiming.uid), claiming.target));
    }
    await this.hold(ctx, claiming, there);
    kit.cookie.write(ctx, { ...claiming, there });
    goOn(ctx, CLAIM_PATH);
  }

  /** Nobody else at the target can go on with this token now; whoever is linked already is told so. */
  async hold(ctx: Context, claiming: Claiming, there: SignedIn): Promise<void> {
    const kit = this.#kit;
    const { db, keyring } = kit.options;
    const token = needed(await kit.openToken(ctx, claiming));
    const { target, sub } = token;
    const standing = await standingOf(db, { target, sub, targetUserId: there.targetUserId });
    const problems = {
      linked: 'linked',
      'linked-elsewhere': 'linked_elsewhere',
      conflict: 'conflict',
      barred: 'gone',
    } as const;
    if (standing.kind !== 'free') {
      if (standing.kind !== 'barred') await kit.warn(sub, target);
      return kit.stop(ctx, claiming, problems[standing.kind]);
    }
    await holdClaim(db, token.id, holderOf(keyring, target, there.targetUserId));
  }

  async #organization(ctx: Context, claiming: Claiming, { query, checks }: Answer): Promise<void> {
    const kit = this.#kit;
    const { db, keyring } = kit.options;
    const { signIn, settings } = kit.targetOfClaim(ctx, claiming);
    const token = needed(await kit.openToken(ctx, claiming));
    const { target, sub, organization } = token;
    const found = await signIn.finishOrganization?.(query, checks);
    if (!found || !organization || !settings.organizations) return kit.stop(ctx, claiming, 'refused');
    const { targetOrganizationId, name, members, by } = found;
    const owner = await find(db, target, sub);
    // Where the target says who was there, it has to be the owner: that they decide there, too, is not their word.
    if (by !== undefined && by !== owner?.targetUserId) return kit.stop(ctx, claiming, 'not_decider');
    const roles = members.find(({ targetUserId }) => targetUserId === owner?.targetUserId)?.roles ?? [];
    if (!roles.some((role) => settings.organizations?.deciders.includes(role)))
      return kit.stop(ctx, claiming, 'not_decider');
    const standing = await organizationStanding(db, { target, organization, targetOrganizationId });
    if (standing !== 'free') return kit.stop(ctx, claiming, 'organization_linked');
    await holdClaim(db, token.id, holderOf(keyring, target, targetOrganizationId));
    kit.cookie.write(ctx, {
      ...claiming,
      organizationThere: { targetOrganizationId, name: cut(name) },
    });
    goOn(ctx, CLAIM_PATH);
  }

  /** They have come back as somebody whom they do not want to be: another may begin. */
  async letGo(
    token: Pick<ClaimToken, 'id' | 'target'>,
    { there, organizationThere }: Claiming,
  ): Promise<void> {
    const { db, keyring } = this.#kit.options;
    const subject = organizationThere?.targetOrganizationId ?? there?.targetUserId;
    if (subject !== undefined) await letGo(db, token.id, holderOf(keyring, token.target, subject));
  }
}

interface Answer {
  readonly query: URLSearchParams;
  readonly checks: NonNullable<Claiming['checks']>;
}
