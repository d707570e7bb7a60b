/** Which of our subjects belong to which legacy store: they begin with the store's prefix. */
export interface StoreSubjects {
  readonly name: string;
  /** What stands before a primary key in our `sub`: `shop:`, or nothing. */
  readonly prefix: string;
}

/** Of the store that an app's primary keys belong to; undefined: it may be any of several. */
export function prefixOf(store: string | undefined, stores: readonly StoreSubjects[]): string | undefined {
  const named = store === undefined ? stores : stores.filter(({ name }) => name === store);
  return named.length === 1 ? named[0]?.prefix : undefined;
}
