/** Changes by the time that each entry says of its last one: entryCSN or modifyTimestamp. */
import { FootbridgeError } from '../../../errors.ts';
import type { Connection } from './connection.ts';
import { isWithin } from './dn.ts';
import type { WayOptions } from './feed-entries.ts';
import { entriesSince } from './feed-entries.ts';
import type { Marks } from './feed-position.ts';
import { MAX_SERIES } from './feed-position.ts';
import type { Found, Way } from './feed-scan.ts';
import { entryAt, from, textIn, textsIn } from './feed-scan.ts';
import type { TimedStamp } from './feed-stamps.ts';
import { momentOf, serverOf, stampAt } from './feed-stamps.ts';
import type { LdapSettings } from './ldap-settings.ts';

const DAY_MS = 86_400_000;
/** Of all servers together. */
const ALL = '';

/** By entryCSN or modifyTimestamp. */
export function byTime(options: WayOptions, stamp: TimedStamp): Way {
  const { settings, changes, now } = options;
  const overlapMs = changes.overlapSeconds * 1_000;
  const latest = (all: Marks, series: string, value: string): Marks =>
    value > (all[series] ?? '') ? { ...all, [series]: value } : all;
  /** A stamp from the future, of a clock that was wrong once, must not hide what comes. */
  const isPlausible = (value: string) => value <= stampAt(stamp, now() + overlapMs);
  const sightings = sightingsOf(stamp);

  return {
    async begin(connection) {
      await assertStamped(connection, settings, stamp);
      const known = stamp === 'entryCSN' ? await contextOf(connection, settings) : undefined;
      if (known) return known;
      // The server's clock counts, not ours: the newest of a day, if there is one.
      let marks: Marks = { [ALL]: stampAt(stamp, now() - DAY_MS) };
      const filter = await from(stamp, marks[ALL]);
      await entriesSince(options, connection, { filter, stamp }, (_found, value) => {
        if (isPlausible(value)) marks = latest(marks, ALL, value);
      });
      return marks;
    },
    async since(marks, connection, add) {
      const known = stamp === 'entryCSN' ? await contextOf(connection, settings) : undefined;
      if (known) return sinceContext(marks, known, connection, add);
      const mark = newestOf(marks);
      const since = stampAt(stamp, (momentOf(mark)?.getTime() ?? 0) - overlapMs);
      let next: Marks = { [ALL]: mark };
      await entriesSince(options, connection, { filter: await from(stamp, since), stamp }, (found, value) => {
        if (isPlausible(value)) next = latest(next, ALL, value);
        add(sightings.isEarly(value, mark) ? { ...found, isEarly: true } : found);
      });
      return next;
    },
    async lag(marks, connection) {
      const known = stamp === 'entryCSN' ? await contextOf(connection, settings) : undefined;
      if (!known) {
        await entryAt(connection, settings.base, ['1.1']);
        return {};
      }
      const behind = Object.entries(known).map(([server, csn]) => {
        const mark = marks[server] ?? marks[ALL] ?? '';
        const [to, at] = [momentOf(csn), momentOf(mark)];
        return csn > mark && to && at ? to.getTime() - at.getTime() : 0;
      });
      return { seconds: Math.max(0, ...behind) / 1_000 };
    },
  };

  /** The server says of each writer how far it has come: nothing that it has received since is missed, however late it came. */
  async function sinceContext(
    marks: Marks,
    known: Marks,
    connection: Connection,
    add: (found: Found) => void,
  ): Promise<Marks> {
    const markOf = (server: string) => marks[server] ?? marks[ALL] ?? '';
    const news = Object.keys(known).filter((server) => known[server]! > markOf(server));
    if (news.length === 0) return known;
    const since = news.map(markOf).sort()[0];
    const filter = await from(stamp, since === '' ? undefined : since);
    await entriesSince(options, connection, { filter, stamp }, (found, csn) => {
      const server = serverOf(csn);
      if (server === undefined || csn > markOf(server)) add(found);
    });
    return known;
  }
}

/** How long a stamp of whole seconds is known before nothing more comes under it. */
const SECOND_MS = 2_000;
const MAX_SIGHTINGS = 5_000;

/** When each stamp was first seen, by our own watch: the server's clock may be another. */
function sightingsOf(stamp: TimedStamp) {
  const seenMs = new Map<string, number>();
  return {
    /** `mark`: the newest that was seen before. */
    isEarly(value: string, mark: string): boolean {
      if (stamp === 'entryCSN' || value < stampAt(stamp, (momentOf(mark)?.getTime() ?? 0) - SECOND_MS))
        return false;
      const nowMs = performance.now();
      const first = seenMs.get(value);
      if (first !== undefined) return nowMs - first < SECOND_MS;
      const [oldest] = seenMs.keys();
      if (seenMs.size >= MAX_SIGHTINGS && oldest !== undefined) seenMs.delete(oldest);
      seenMs.set(value, nowMs);
      return true;
    },
  };
}

const newestOf = (marks: Marks): string => Object.values(marks).sort().at(-1) ?? '';

/** Without it entries have the attribute and nobody may see it, or there is none: and nothing would ever be found. */
async function assertStamped(connection: Connection, { base }: LdapSettings, stamp: string): Promise<void> {
  const entry = await entryAt(connection, base, [stamp]);
  if (textIn(entry, stamp) !== undefined) return;
  const detail = `ldap.changes: entries have no ${stamp} that ldap.bindDn may see`;
  throw new FootbridgeError('config_invalid', { detail });
}

/** contextCSN of the database (OpenLDAP with the overlay `syncprov`); undefined where there is none to see. */
async function contextOf(connection: Connection, { base }: LdapSettings): Promise<Marks | undefined> {
  const root = await entryAt(connection, '', ['namingContexts']);
  const suffix = textsIn(root, 'namingContexts')
    .filter((context) => isWithin(base, context))
    .sort((one, other) => other.length - one.length)[0];
  if (suffix === undefined) return undefined;
  const marks = textsIn(await entryAt(connection, suffix, ['contextCSN']), 'contextCSN').flatMap((csn) => {
    const server = serverOf(csn);
    return server === undefined ? [] : [[server, csn] as const];
  });
  return marks.length === 0 || marks.length >= MAX_SERIES ? undefined : Object.fromEntries(marks);
}
