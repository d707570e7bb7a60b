/** A directory's changes, found by what its entries say of their last one. */
import { createHash } from 'node:crypto';
import type { Feed, FeedPage, LegacyChange } from '../../feed.ts';
import type { Connection } from './connection.ts';
import { outage } from './failure.ts';
import { withAccesslog } from './feed-accesslog.ts';
import type { Marks, Position } from './feed-position.ts';
import { positionFrom, positionText } from './feed-position.ts';
import type { Found, Way } from './feed-scan.ts';
import { firstOf, inOrder } from './feed-scan.ts';
import type { LdapChanges } from './feed-settings.ts';
import { byTime } from './feed-time.ts';
import { byUsn } from './feed-usn.ts';
import type { LdapSettings } from './ldap-settings.ts';
import type { Server } from './server.ts';

export function modifiedFeed(
  settings: LdapSettings,
  changes: LdapChanges,
  server: Server,
  now: () => number = Date.now,
): Feed {
  const way = wayOf(settings, changes, now);
  const known = recentlyKept();
  /** The rest of the pass that a position is in. */
  let ahead:
    | { readonly position: string; readonly found: readonly Found[]; readonly isCut: boolean }
    | undefined;

  const asking = async <T>(work: (connection: Connection) => Promise<T>): Promise<T> => {
    // A connection of its own: a server remembers where the pages stand by it.
    const connection = await server.open();
    try {
      return await work(connection);
    } catch (error) {
      throw outage(error);
    } finally {
      connection.close();
    }
  };
  const rest = async (text: string, { marks, pass }: Position) => {
    if (ahead?.position === text && pass) return { ...ahead, next: pass.next };
    const first = firstOf();
    const isAhead = (found: Found) =>
      pass === undefined || inOrder(found, { ...found, stamp: pass.stamp, legacyId: pass.id }) > 0;
    const next = await asking((connection) =>
      way.since(marks, connection, (found) => {
        if (isAhead(found) && !known.has(idOf(found))) first.add(found);
      }),
    );
    // What was found when the pass began is where it ends: what came meanwhile is the next one's.
    return { ...first.all(), next: pass?.next ?? next };
  };

  return {
    name: 'modified',
    async read(position, limit): Promise<FeedPage> {
      if (position === undefined) {
        const marks = await asking((connection) => way.begin(connection));
        return { changes: [], position: positionText({ marks }), isMore: false };
      }
      const from = positionFrom(position);
      const { found, isCut, next } = await rest(position, from);
      const page = found.slice(0, limit);
      const left = found.slice(limit);
      const isMore = left.length > 0 || isCut;
      const reached = positionText(placeAfter(page, { from, next, isMore }));
      ahead = isMore && left.length > 0 ? { position: reached, found: left, isCut } : undefined;
      known.gave(reached, page.map(idOf));
      return { changes: page.map(changeOf), position: reached, isMore };
    },
    confirm: async (position) => known.keep(position),
    lag: (position) =>
      asking((connection) => way.lag(position === undefined ? {} : positionFrom(position).marks, connection)),
    async close() {
      ahead = undefined;
    },
  };
}

interface PageEnd {
  readonly from: Position;
  readonly next: Marks;
  readonly isMore: boolean;
}

function placeAfter(page: readonly Found[], { from, next, isMore }: PageEnd): Position {
  const last = page.at(-1);
  if (!isMore || !last) return { marks: next };
  return { marks: from.marks, pass: { next, stamp: last.stamp, id: last.legacyId } };
}

function wayOf(settings: LdapSettings, changes: LdapChanges, now: () => number): Way {
  const options = { settings, changes, now };
  const way = changes.stamp === 'uSNChanged' ? byUsn(options) : byTime(options, changes.stamp);
  if (changes.accesslog === undefined) return way;
  return withAccesslog(way, {
    settings,
    base: changes.accesslog,
    overlapMs: changes.overlapSeconds * 1_000,
  });
}

const MAX_ID_LENGTH = 200;

function idOf({ stamp, legacyId, kind, isEarly }: Found): string {
  const id = `${stamp}${isEarly ? '~' : ''}:${kind}:${legacyId}`;
  return id.length <= MAX_ID_LENGTH ? id : createHash('sha256').update(id).digest('base64url');
}

const changeOf = (found: Found): LegacyChange => ({
  id: idOf(found),
  legacyId: found.legacyId,
  kind: found.kind,
  ...(found.at ? { at: found.at } : {}),
});

const MAX_KNOWN = 100_000;
const MAX_PAGES = 1_000;

/** What was kept need not be told again while the overlap reads it again. Only to spare work: whoever forgets it tells it again. */
function recentlyKept() {
  const kept = new Set<string>();
  const pages: { readonly position: string; readonly ids: readonly string[] }[] = [];
  return {
    has: (id: string) => kept.has(id),
    gave(position: string, ids: readonly string[]) {
      if (ids.length === 0) return;
      pages.push({ position, ids });
      if (pages.length > MAX_PAGES) pages.shift();
    },
    keep(position: string) {
      const index = pages.findLastIndex((page) => page.position === position);
      for (const { ids } of pages.splice(0, index + 1)) for (const id of ids) kept.add(id);
      for (const id of kept) {
        if (kept.size <= MAX_KNOWN) break;
        kept.delete(id);
      }
    },
  };
}
