/** People of the legacy store, a page at a time: those who are listed, or all of them. */
import { FootbridgeError } from '../../errors.ts';
import type { Directory } from '../../legacy/directory.ts';
import type { DirectoryEntry } from '../../legacy/entries.ts';

const PAGE_USERS = 1_000;

export interface PagesAsked {
  /** Sorted; whoever is listed is asked for alone, and whoever is not there comes with an error. */
  readonly subs: readonly string[] | undefined;
  /** Only those after this subject. */
  readonly after: string;
  /** The option by which people are listed, for the sentence where the store cannot be read from end to end. */
  readonly listedBy: string;
}

/** Throws config_invalid, legacy_unavailable. */
export async function* directoryPages(
  directory: Pick<Directory, 'entries' | 'findBySubs'>,
  { subs, after, listedBy }: PagesAsked,
): AsyncGenerator<DirectoryEntry[]> {
  if (subs) {
    const left = subs.filter((sub) => sub > after);
    for (let at = 0; at < left.length; at += PAGE_USERS) {
      const asked = left.slice(at, at + PAGE_USERS);
      const found = await directory.findBySubs(asked);
      yield asked.map((sub) => found.get(sub) ?? { sub, error: new FootbridgeError('user_not_found') });
    }
    return;
  }
  if (!directory.entries)
    throw new FootbridgeError('config_invalid', {
      detail: `this store cannot be read from end to end: list the people (${listedBy}), or give it \`queries.page\``,
    });
  let page: DirectoryEntry[] = [];
  for await (const entry of directory.entries(after)) {
    page.push(entry);
    if (page.length < PAGE_USERS) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}
