/**
 * Signing in here with an account at a target: whoever has linked theirs is let in, by the target's word. Whoever has none
 * linked is offered to link one, gets a new one, or is told so, as the settings say.
 */
import type { Context } from 'koa';
import { isFootbridgeError } from '../../errors.ts';
import { CLAIM_PATH } from '../../migration/claim-tokens/claim-token.ts';
import { holdClaim } from '../../migration/claim-tokens/claim-tokens.ts';
import { claimPerson, holderOf } from '../../migration/claim-tokens/claiming.ts';
import { beginCreation, endCreation, wasBegun } from '../../migration/claim-tokens/legacy-writes.ts';
import { findByTargetUser } from '../../migration/ledger.ts';
import { hasTargetUser } from '../../migration/states.ts';
import type { SignedIn } from '../../targets/sign-in.ts';
import type { LegacyEntry } from '../../user.ts';
import { goOn } from '../login-end.ts';
import { foldIdentifier } from '../login-hint.ts';
import type { Interaction } from '../login-options.ts';
import type { Claiming } from './claim-cookie.ts';
import type { ClaimKit, ClaimTarget } from './claim-kit.ts';
import type { Confirming } from './confirming.ts';
import { identityThere, maskedThere } from './identities.ts';
import type { ToTarget } from './to-target.ts';
import { signInPath } from './to-target.ts';

/** The person, and how they proved who they are, in the target's words. */
export interface LetIn {
  readonly entry: LegacyEntry;
  readonly amr: readonly string[];
}

export class SignInWith {
  readonly #kit: ClaimKit;
  readonly #toTarget: ToTarget;
  readonly #confirming: Confirming;
  readonly #creating = new Map<string, Promise<unknown>>();

  constructor(kit: ClaimKit, toTarget: ToTarget, confirming: Confirming) {
    this.#kit = kit;
    this.#toTarget = toTarget;
    this.#confirming = confirming;
  }

  /** The buttons of a login page. A target's own logins lead nowhere else. */
  offered({ uid, params }: Interaction): readonly { readonly name: string; readonly href: string }[] {
    const { claimTokens, targets } = this.#kit.options;
    const own = targets.byClient(String(params.client_id))?.name;
    return claimTokens.flatMap(({ target: name, signIn }) => {
      const at = signIn && name !== own ? this.#kit.targetOf(name) : undefined;
      return at ? [{ name: at.target.displayName, href: signInPath(uid, name) }] : [];
    });
  }

  /** Undefined: the answer is written already. */
  async enter(ctx: Context, interaction: Interaction): Promise<LetIn | undefined> {
    const kit = this.#kit;
    const at = kit.targetOf(String(ctx.params.target));
    if (!at?.settings.signIn) return kit.stop(ctx, undefined, 'unknown');
    const claiming = kit.cookie.read(ctx);
    const { uid } = interaction;
    const name = at.target.name;
    const there =
      claiming?.uid === uid && claiming.target === name
        ? (claiming.there ?? claiming.done?.there)
        : undefined;
    if (!claiming || !there) {
      const begun = kit.cookie.write(ctx, { use: 'sign-in', target: name, uid });
      await this.#toTarget.go(ctx, begun, {});
      return undefined;
    }
    return this.#known(ctx, { at, claiming, there, uid });
  }

  async #known(ctx: Context, come: Come): Promise<LetIn | undefined> {
    const kit = this.#kit;
    const { at, claiming, there } = come;
    const row = await findByTargetUser(kit.options.db, at.target.name, there.targetUserId);
    const isLinked = row !== undefined && hasTargetUser(row.state);
    const sub = isLinked ? row.sub : await this.#unknown(ctx, come, { mayCreate: row === undefined });
    if (sub === undefined) return undefined;
    const entry = await kit.entryOf(ctx, claiming, sub);
    kit.cookie.clear(ctx);
    kit.options.onClaim({ target: at.target.name, purpose: 'sign-in', outcome: 'let-in' });
    return { entry, amr: there.amr };
  }

  /** Nobody here is linked to that account. The sub of whoever is from now on; undefined: a page asks what to do. */
  async #unknown(
    ctx: Context,
    { at, claiming, there, uid }: Come,
    { mayCreate }: { readonly mayCreate: boolean },
  ): Promise<string | undefined> {
    const kit = this.#kit;
    const { unknown, contact } = at.settings;
    const create = unknown === 'create' && mayCreate;
    const made = create ? await this.#createOnce(ctx, claiming, { at, there }) : undefined;
    if (made !== undefined) return made;
    kit.options.onClaim({ target: at.target.name, purpose: 'sign-in', outcome: 'unknown' });
    kit.options.renderPage(
      ctx,
      {
        page: 'sign-in-unknown',
        // Whoever could not be given an account because there is one may link that.
        kind: unknown === 'tell' ? 'tell' : 'claim',
        action: signInPath(uid, at.target.name),
        formToken: kit.formToken(claiming),
        there: identityThere(at.target.displayName, there),
        ...(contact ? { contact } : {}),
        backHref: `/login/${uid}`,
      },
      403,
    );
    return undefined;
  }

  /** Whoever comes by twenty tabs at once is made once; between nodes the store's own uniqueness of addresses sees to it. */
  async #createOnce(
    ctx: Context,
    claiming: Claiming,
    come: Pick<Come, 'at' | 'there'>,
  ): Promise<string | undefined> {
    const key = `${come.at.target.name}\n${come.there.targetUserId}`;
    const before = this.#creating.get(key);
    if (before) {
      await before.catch(() => undefined);
      const { db } = this.#kit.options;
      const row = await findByTargetUser(db, come.at.target.name, come.there.targetUserId);
      return row && hasTargetUser(row.state) ? row.sub : undefined;
    }
    const made = this.#create(ctx, claiming, come).finally(() => this.#creating.delete(key));
    this.#creating.set(key, made);
    return made;
  }

  /**
   * Only by an address that the target has verified, and that nobody here has: by an address alone nobody becomes somebody
   * who is here already.
   */
  async #create(
    ctx: Context,
    claiming: Claiming,
    { at, there }: Pick<Come, 'at' | 'there'>,
  ): Promise<string | undefined> {
    const { db, directory } = this.#kit.options;
    const { email, emailVerified, targetUserId } = there;
    if (!email || !emailVerified) return undefined;
    const creation = { target: at.target.name, targetUserId, email };
    if (await wasBegun(db, creation))
      return this.#linkMade(ctx, claiming, { at, there, email, isLater: true });
    if (await this.#isTaken(email)) return undefined;
    const { name = email, givenName = '', familyName = '' } = there;
    await beginCreation(db, creation);
    try {
      const values = { targetUserId, email, name, givenName, familyName };
      // Nothing was made: whoever has the address by now was here before, or came at the same moment.
      if ((await directory.write(undefined, 'createPerson', values)) === 0) {
        await endCreation(db, creation);
        return undefined;
      }
    } catch (error) {
      if (!isFootbridgeError(error, 'user_ambiguous')) throw error;
      await endCreation(db, creation);
      return undefined;
    }
    return this.#linkMade(ctx, claiming, { at, there, email, isLater: false });
  }

  /** The account that was made for them just now, or before something of ours had failed. */
  async #linkMade(
    ctx: Context,
    claiming: Claiming,
    {
      at,
      there,
      email,
      isLater,
    }: Pick<Come, 'at' | 'there'> & { readonly email: string; readonly isLater: boolean },
  ): Promise<string | undefined> {
    const { db, directory, keyring, claiming: deps } = this.#kit.options;
    const { targetUserId } = there;
    const entry = await directory.findByLogin(email);
    const sub = entry?.user.sub;
    // Who has the address by now may be somebody else: then both sides have to have proved it.
    if (sub === undefined || (isLater && !entry?.user.emailVerified)) {
      await endCreation(db, { target: at.target.name, targetUserId });
      return undefined;
    }
    try {
      const token = await this.#confirming.issue({ target: at.target.name, sub }, 'sign-in');
      await holdClaim(db, token.id, holderOf(keyring, at.target.name, targetUserId));
      await claimPerson(deps, { token, target: at.target, there, thereMasked: maskedThere(there) });
      await endCreation(db, { target: at.target.name, targetUserId });
    } catch (error) {
      return this.#kit.fail(ctx, claiming, error);
    }
    return sub;
  }

  /** Also in small letters: stores compare as they like, and an address in other letters is the same mailbox. */
  async #isTaken(email: string): Promise<boolean> {
    const { directory } = this.#kit.options;
    try {
      for (const one of new Set([email, foldIdentifier(email)]))
        if (await directory.findByLogin(one)) return true;
      return false;
    } catch (error) {
      if (isFootbridgeError(error, 'user_ambiguous')) return true;
      throw error;
    }
  }

  /** "I have an account here": they log in with it, and see both sides before anything is linked. */
  async choose(ctx: Context, { uid }: Interaction): Promise<void> {
    const kit = this.#kit;
    const claiming = kit.cookie.read(ctx);
    const isHere = claiming?.uid === uid && claiming.target === ctx.params.target && claiming.there;
    if (!claiming || !isHere) return kit.stop(ctx, undefined, 'lost');
    kit.formOf(ctx, claiming);
    const { target, there } = claiming;
    kit.cookie.write(ctx, { use: 'claim', target, uid, bySession: true, ...(there ? { there } : {}) });
    goOn(ctx, CLAIM_PATH);
  }
}

interface Come {
  readonly at: ClaimTarget;
  readonly claiming: Claiming;
  readonly there: SignedIn;
  readonly uid: string;
}
