/** Whom somebody means who tells us an id of a legacy store, with what stands before it in our subjects, or without. */

/** A store, and what stands before its ids: `shop:`, or nothing. */
export interface UsersStore {
  readonly name: string;
  readonly prefix: string;
}

export interface StoreUser {
  readonly sub: string;
  /** The name of the store. */
  readonly store: string;
}

/** Undefined for an id of nobody's, for a store that there is not, and for what could be of several stores. */
export type UserOf = (user: string, store: string | undefined) => StoreUser | undefined;

/** An id that begins like a subject of its store is taken for the subject. `isSubject` says whether it can be one at all. */
export function usersOf(stores: readonly UsersStore[], isSubject: (sub: string) => boolean): UserOf {
  return (user, store) => {
    const meant = stores.filter(({ name }) => store === undefined || name === store);
    const begun = meant.filter(({ prefix }) => prefix !== '' && user.startsWith(prefix));
    const [one, another] = begun.length > 0 ? begun : meant;
    if (!one || another) return undefined;
    const sub = begun.length > 0 ? user : `${one.prefix}${user}`;
    return isSubject(sub) ? { sub, store: one.name } : undefined;
  };
}
