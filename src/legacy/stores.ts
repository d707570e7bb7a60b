/**
 * Several stores seen as one directory: asked in their order, or only the one that a login's domain belongs to. Which
 * store a subject belongs to is in its prefix.
 */
import { FootbridgeError } from '../errors.ts';
import type { LegacyEntry } from '../user.ts';
import { NO_APPLIES } from './apply.ts';
import type { Directory, DirectoryOptions } from './directory.ts';
import { openDirectory } from './directory.ts';
import type { LegacySettings, LegacyStores } from './legacy-settings.ts';
import { NO_WRITES } from './writing.ts';

interface Store extends Directory {
  readonly domains: ReadonlySet<string>;
}

export function openStores({ stores, collisions }: LegacyStores, options: DirectoryOptions = {}): Directory {
  const open = (settings: LegacySettings): Store => ({
    ...openDirectory(settings, options),
    domains: new Set(settings.domains.map((domain) => domain.toLowerCase())),
  });
  const all = stores.map(open);
  const [only] = all;
  return only && all.length === 1 ? only : joined(all, collisions);
}

function joined(all: readonly Store[], collisions: LegacyStores['collisions']): Directory {
  const ownerOf = (sub: string) => all.find((store) => store.legacyIdOf(sub) !== undefined);
  const storeOf = (key: string | undefined) => (key === undefined ? all[0] : ownerOf(key));
  const areAllReadable = all.every((store) => store.entries);
  return {
    legacyIdOf: (sub) => ownerOf(sub)?.legacyIdOf(sub),
    findByLogin: (login) => {
      const asked = storesFor(login, all);
      return collisions === 'first' ? firstOf(asked, login) : onlyOneOf(asked, login);
    },
    findBySub: async (sub) => ownerOf(sub)?.findBySub(sub),
    findBySubs: async (subs) => {
      const owned = Map.groupBy(subs, ownerOf);
      const found = await Promise.all([...owned].map(([store, own]) => store?.findBySubs(own) ?? []));
      return new Map(found.flatMap((entries) => [...entries]));
    },
    userBySub: async (sub) => ownerOf(sub)?.userBySub(sub),
    forget: (sub) => ownerOf(sub)?.forget(sub),
    ...(all.some((store) => store.flag)
      ? { flag: async (sub: string, migrated: boolean) => ownerOf(sub)?.flag?.(sub, migrated) }
      : {}),
    organizationKey: (sub, id) => ownerOf(sub)?.organizationKey(sub, id),
    writes: (key) => storeOf(key)?.writes(key) ?? NO_WRITES,
    async write(key, what, values) {
      const store = storeOf(key);
      if (!store) throw new FootbridgeError('not_found', { detail: 'this key is of no store' });
      return store.write(key, what, values);
    },
    applies: (sub) => ownerOf(sub)?.applies(sub) ?? NO_APPLIES,
    async apply(sub, input) {
      const store = ownerOf(sub);
      if (!store) throw new FootbridgeError('user_not_found', { detail: 'this subject is of no store' });
      return store.apply(sub, input);
    },
    feeds: all.flatMap((store) => store.feeds),
    setups: all.flatMap((store) => store.setups),
    ...(areAllReadable
      ? {
          async *entries(after = '') {
            const from = Math.max(
              0,
              all.findIndex((store) => store.legacyIdOf(after) !== undefined),
            );
            for (const store of all.slice(from)) if (store.entries) yield* store.entries(after);
          },
        }
      : {}),
    ...(all.every((store) => store.count)
      ? {
          count: async () =>
            (await Promise.all(all.map((store) => store.count?.() ?? 0))).reduce((sum, n) => sum + n, 0),
        }
      : {}),
    check: async () => void (await Promise.all(all.map((store) => store.check()))),
    close: async () => void (await Promise.all(all.map((store) => store.close()))),
  };
}

/** A domain that a store claims is looked up nowhere else, and a store that claims domains is asked for no other. */
function storesFor(login: string, all: readonly Store[]): readonly Store[] {
  const at = login.lastIndexOf('@');
  if (at < 0) return all;
  const domain = login
    .slice(at + 1)
    .trim()
    .toLowerCase();
  const claiming = all.filter((store) => store.domains.has(domain));
  return claiming.length > 0 ? claiming : all.filter((store) => store.domains.size === 0);
}

/** A store that does not answer ends the search: whoever is in it must not be let in as somebody of the next one. */
async function firstOf(stores: readonly Store[], login: string): Promise<LegacyEntry | undefined> {
  for (const store of stores) {
    const entry = await store.findByLogin(login);
    if (entry) return entry;
  }
  return undefined;
}

async function onlyOneOf(stores: readonly Store[], login: string): Promise<LegacyEntry | undefined> {
  const found = (await Promise.all(stores.map((store) => store.findByLogin(login)))).filter(
    (entry) => entry !== undefined,
  );
  if (found.length <= 1) return found[0];
  throw new FootbridgeError('user_ambiguous', { detail: `${found.length} stores know this login` });
}
