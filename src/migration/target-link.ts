/** Where people who have moved are sent: to the target, which is told whom to expect. */
import type { Queryable } from '../store/db.ts';
import type { TargetConnection } from '../targets/connection.ts';
import type { Target, Targets } from '../targets/target.ts';
import type { User } from '../user.ts';
import { find } from './ledger.ts';
import { usernameOf } from './profile.ts';

export interface TargetLink {
  /** The target's name for people. */
  readonly name: string;
  readonly href: string;
  /** People are sent there at once, instead of being told. */
  readonly isRedirect?: boolean;
}

/** What is known of how the target calls somebody. */
export interface KnownThere {
  readonly loginName?: string;
  readonly targetUserId?: string | null;
  /** What they call themselves, where nobody has proved yet that they are this person. */
  readonly typed?: string;
}

export interface TargetLinks {
  /** For somebody who has moved. Throws storage_unavailable. */
  linkFor(target: string, user: User): Promise<TargetLink>;
  /** The target's `loginUrl` with the login hint in it. Never throws, and waits for the target only a moment. */
  hrefFor(target: Target, user: User, known: KnownThere): Promise<string>;
  /** The same of somebody whom nobody looks up in the legacy store: without a hint where nothing is known. */
  hrefOf(target: Target, known: KnownThere): Promise<string>;
  /** Without any. */
  plainHref(target: Target): string;
}

export interface TargetLinksDeps {
  readonly db: Queryable;
  readonly targets: Pick<Targets, 'byName' | 'connection'>;
  /** Where to send people of a target that the settings have forgotten. */
  readonly issuer: string;
  readonly deadlineMs?: number;
}

/** People wait for this: a hint that comes later is not worth it. */
const DEADLINE_MS = 1_000;
/** How long a login name stays what it was. */
const FRESH_MS = 60_000;
const CACHED = 10_000;
const MARK = '{login_hint}';

export function openTargetLinks({ db, targets, issuer, deadlineMs }: TargetLinksDeps): TargetLinks {
  const names = new LoginNames(deadlineMs ?? DEADLINE_MS);
  const hintFor = async ({ name }: Target, { loginName, targetUserId, typed }: KnownThere) => {
    const connection = targets.connection(name);
    // Whoever only types a name learns no address from us.
    return loginName ?? (await names.ask(connection, name, targetUserId ?? undefined)) ?? typed;
  };
  const hrefFor = async (target: Target, user: User, known: KnownThere) => {
    if (!wantsHint(target)) return target.loginUrl;
    return withHint(target.loginUrl, (await hintFor(target, known)) ?? user.email ?? usernameOf(user));
  };
  const plainHref = ({ loginUrl }: Target) => loginUrl.replaceAll(MARK, '');
  return {
    hrefFor,
    plainHref,
    hrefOf: async (target, known) => {
      const hint = wantsHint(target) ? await hintFor(target, known) : undefined;
      return hint === undefined ? plainHref(target) : withHint(target.loginUrl, hint);
    },
    linkFor: async (name, user) => {
      const target = targets.byName(name);
      if (!target) return { name, href: issuer };
      const { targetUserId = null } = (await find(db, name, user.sub)) ?? {};
      const href = await hrefFor(target, user, { targetUserId });
      return { name: target.displayName, href, isRedirect: target.move.redirect };
    },
  };
}

const wantsHint = ({ loginUrl, move }: Target) => loginUrl.includes(MARK) || move.redirect;

/** In the place that the operator marked, else as the parameter of OpenID Connect Core section 3.1.2.1. */
export function withHint(loginUrl: string, hint: string): string {
  if (loginUrl.includes(MARK)) return loginUrl.replaceAll(MARK, encodeURIComponent(hint));
  const url = new URL(loginUrl);
  url.searchParams.set('login_hint', hint);
  return url.href;
}

/** What a target calls its users, asked once a minute. */
class LoginNames {
  readonly #deadlineMs: number;
  readonly #known = new Map<string, { readonly loginName: string; readonly until: number }>();

  constructor(deadlineMs: number) {
    this.#deadlineMs = deadlineMs;
  }

  async ask(
    connection: TargetConnection | undefined,
    target: string,
    targetUserId: string | undefined,
  ): Promise<string | undefined> {
    if (!connection || targetUserId === undefined) return undefined;
    const key = `${target}\n${targetUserId}`;
    const known = this.#known.get(key);
    if (known && known.until > performance.now()) return known.loginName;
    const found = await inTime(connection.userById(targetUserId), this.#deadlineMs);
    if (found?.loginName) this.#keep(key, found.loginName);
    return found?.loginName || undefined;
  }

  #keep(key: string, loginName: string): void {
    if (this.#known.size >= CACHED) this.#known.delete(this.#known.keys().next().value!);
    this.#known.set(key, { loginName, until: performance.now() + FRESH_MS });
  }
}

/** Undefined when it fails or takes longer. */
async function inTime<T>(work: Promise<T>, deadlineMs: number): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), deadlineMs);
  const settled = work.catch(() => undefined);
  return Promise.race([settled, promise]).finally(() => clearTimeout(timer));
}
