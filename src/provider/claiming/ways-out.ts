/** Leaving a link: for now, for good, as somebody else, or for a new one. */
import type { Context } from 'koa';
import { CLAIM_PATH } from '../../migration/claim-tokens/claim-token.ts';
import { findClaimToken, noteFailure } from '../../migration/claim-tokens/claim-tokens.ts';
import { noticePart } from '../../migration/claim-tokens/notices.ts';
import { takeSession } from '../cookies.ts';
import { goOn } from '../login-end.ts';
import { recordKey } from '../record.ts';
import type { Claiming } from './claim-cookie.ts';
import type { ClaimKit } from './claim-kit.ts';
import type { ToTarget } from './to-target.ts';

export class WaysOut {
  readonly #kit: ClaimKit;
  readonly #toTarget: ToTarget;

  constructor(kit: ClaimKit, toTarget: ToTarget) {
    this.#kit = kit;
    this.#toTarget = toTarget;
  }

  /** False: it is none of these. */
  async take(ctx: Context, claiming: Claiming, choice: string): Promise<boolean> {
    const way = Object.hasOwn(WAYS, choice) ? WAYS[choice as keyof typeof WAYS] : undefined;
    await way?.call(this, ctx, claiming);
    return way !== undefined;
  }

  async cancel(ctx: Context, claiming: Claiming): Promise<void> {
    const kit = this.#kit;
    const token = claiming.token && (await findClaimToken(kit.options.db, claiming.token.id));
    if (token) {
      await this.#toTarget.letGo(token, claiming);
      await noteFailure(kit.options.db, token.id, 'cancelled');
    }
    const { there: _, organizationThere: __, ...rest } = claiming;
    kit.stop(ctx, kit.cookie.write(ctx, rest), 'cancelled');
  }

  async notMe(ctx: Context, claiming: Claiming): Promise<void> {
    const kit = this.#kit;
    if (claiming.token) await noteFailure(kit.options.db, claiming.token.id, 'not_me');
    kit.cookie.clear(ctx);
    kit.stop(ctx, claiming, 'not_me');
  }

  /** Mailed to the address that the store has, whoever asks; the page says the same to everybody. */
  async newLink(ctx: Context, claiming: Claiming): Promise<void> {
    const kit = this.#kit;
    const { db } = kit.options;
    const { target } = kit.targetOfClaim(ctx, claiming);
    const token = claiming.token && (await findClaimToken(db, claiming.token.id));
    if (!token || token.state === 'open') return goOn(ctx, CLAIM_PATH);
    if (token.purpose === 'person') {
      const notice = { target: token.target, sub: token.sub, notice: 'claim-account', detail: {} } as const;
      await db.runParts([noticePart(notice)], 'select 1');
      kit.options.kick(token.sub);
    }
    kit.cookie.clear(ctx);
    kit.options.renderPage(ctx, { page: 'claim-sent', targetName: target.displayName });
  }

  /** Whoever else is logged in here leaves, with all that hangs on it. */
  async logOut(ctx: Context, { proved: _, ...claiming }: Claiming): Promise<void> {
    const { issuer, endings } = this.#kit.options;
    const present = await this.#kit.whoIsHere(ctx);
    if (present?.uid !== undefined) {
      const selection = { by: 'op-session', uid: recordKey('uid', present.uid) } as const;
      await endings.end({ selection, cause: 'replaced', actor: 'user' });
      takeSession(ctx, issuer);
    }
    this.#kit.cookie.write(ctx, claiming);
    goOn(ctx, CLAIM_PATH);
  }

  /** As the person whom the link is for; without one, as whoever they are. */
  async signIn(ctx: Context, claiming: Claiming): Promise<void> {
    this.#kit.logIn(ctx, claiming, { isOther: true });
  }
}

const WAYS = {
  cancel: WaysOut.prototype.cancel,
  'not-me': WaysOut.prototype.notMe,
  'new-link': WaysOut.prototype.newLink,
  'log-out': WaysOut.prototype.logOut,
  'sign-in': WaysOut.prototype.signIn,
} as const;
