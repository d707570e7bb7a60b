/** The people of the legacy store, or of a batch, a page at a time. */
import { isFootbridgeError } from '../../errors.ts';
import type { DirectoryEntry } from '../../legacy/entries.ts';
import type { LegacyEntry } from '../../user.ts';
import type { Comparing, ReconcileDeps } from './deps.ts';
import { entriesOf } from './deps.ts';

export interface Entry {
  readonly sub: string;
  /** Undefined: the legacy store has nobody of this subject. */
  readonly entry: DirectoryEntry | LegacyEntry | undefined;
}

export interface LegacyPage {
  readonly people: readonly Entry[];
  /** Where to go on; undefined: nobody in it is a place to go on from. */
  readonly after: string | undefined;
}

/** People per page. */
export const PAGE = 500;
/** Of ids that no subject can be made of, so many at most are kept until the next place to go on from. */
const MAX_PAGE = 4 * PAGE;
/** Questions to the legacy store at once. */
const LOOKUPS = 8;

/** After this subject. Throws legacy_unavailable, config_invalid where the store cannot be read from end to end. */
export function legacyPages(comparing: Comparing, after: string): AsyncGenerator<LegacyPage> {
  const { deps, batch } = comparing;
  return batch === undefined ? entryPages(deps, after) : memberPages(deps, batch, after);
}

async function* entryPages(deps: ReconcileDeps, start: string): AsyncGenerator<LegacyPage> {
  let people: Entry[] = [];
  let after: string | undefined;
  for await (const entry of entriesOf(deps)(start)) {
    people.push({ sub: entry.sub, entry });
    const isPlace = deps.directory.legacyIdOf(entry.sub) !== undefined;
    if (isPlace) after = entry.sub;
    if (people.length < PAGE || (!isPlace && people.length < MAX_PAGE)) continue;
    yield { people, after };
    people = [];
  }
  if (people.length > 0) yield { people, after };
}

async function* memberPages(
  { members, directory }: ReconcileDeps,
  batch: string,
  start: string,
): AsyncGenerator<LegacyPage> {
  let after = start;
  for (;;) {
    const subs = await members(batch, after, PAGE);
    after = subs.at(-1) ?? after;
    if (subs.length > 0) yield { people: await lookUp(directory, subs), after };
    if (subs.length < PAGE) return;
  }
}

/** Each read afresh, in the same order. */
export async function lookUp(
  directory: Pick<ReconcileDeps['directory'], 'findBySub'>,
  subs: readonly string[],
): Promise<Entry[]> {
  const people: Entry[] = [];
  for (let at = 0; at < subs.length; at += LOOKUPS)
    people.push(...(await Promise.all(subs.slice(at, at + LOOKUPS).map((sub) => entryOf(directory, sub)))));
  return people;
}

/** Whose record cannot be mapped, or is there twice, comes with the error. */
async function entryOf(
  directory: Pick<ReconcileDeps['directory'], 'findBySub'>,
  sub: string,
): Promise<Entry> {
  try {
    return { sub, entry: await directory.findBySub(sub) };
  } catch (error) {
    if (!isFootbridgeError(error, 'mapping_failed') && !isFootbridgeError(error, 'user_ambiguous'))
      throw error;
    return { sub, entry: { sub, error } };
  }
}
