/** What a node stands on, as `/readyz` tells it: what it cannot be without, and what it is less without. */
import type { Ground } from './ground.ts';
import type { Part } from './observability/health.ts';
import { keptFor } from './observability/kept.ts';
import type { Public } from './public.ts';
import { oldestUnsealedSeconds } from './store/audit-lag.ts';
import { schemaStatus } from './store/schema.ts';
import type { Watch } from './store/watch.ts';
import { syncGauges } from './sync/overview.ts';

export interface Standing
  extends Pick<Ground, 'settings' | 'db' | 'directory' | 'passwords' | 'observed' | 'queue' | 'targets'>,
    Pick<Public, 'retired'> {
  readonly watch: Watch;
}

/** As often as a balancer asks. */
const LEGACY_MS = 2_000;
const SLOW_MS = 15_000;
/** A backup of an hour ago may have been restored under our feet. */
const SCHEMA_MS = 30_000;
/** Whoever was turned away less long ago would not be the only one now. */
const REFUSED_MS = 10_000;
const FULL_SHARE = 0.5;
const SYNC_BEHIND_SECONDS = 300;
/** A dump of our database holds the seals up for as long as it runs. */
const UNSEALED_SECONDS = 900;

export function partsOf(parts: Standing): readonly Part[] {
  const { settings, db, watch, observed } = parts;
  return [
    { name: 'storage', isNeeded: true, everyMs: 0, ask: () => (watch.up ? undefined : 'down') },
    {
      name: 'schema',
      isNeeded: true,
      everyMs: SCHEMA_MS,
      ask: () => schema(settings.database.url.reveal()),
    },
    { name: 'legacy', everyMs: LEGACY_MS, ask: () => legacy(parts) },
    { name: 'hashing', everyMs: 0, ask: () => hashing(parts) },
    ...(settings.sync.pairs.length > 0 ? [{ name: 'sync', everyMs: SLOW_MS, ask: sync(parts) }] : []),
    {
      name: 'audit',
      everyMs: SLOW_MS,
      ask: async () =>
        (await oldestUnsealedSeconds(db)) > UNSEALED_SECONDS ? 'the log is not sealed any more' : undefined,
    },
    ...settings.targets
      .filter(({ name }) => parts.targets.connection(name))
      .map(({ name }) => ({
        name: `target ${name}`,
        everyMs: 0,
        ask: () =>
          observed.silentTargets().includes(name) ? 'down (moves wait; logins here go on)' : undefined,
      })),
  ];
}

/** A newer version's steps only add; what is missing is asked for at the next login. */
async function schema(url: string): Promise<string | undefined> {
  const { pending } = await schemaStatus({ url });
  return pending.length > 0 ? `older than this version: ${pending.join(', ')}` : undefined;
}

/** Whom no store has (RFC 2606 section 2). */
const NOBODY = 'nobody@footbridge.invalid';

/** Said at once, where the first login would find it out: a store that is away, or a question that it does not understand. */
export async function tellOfLegacy(
  { directory, retired }: Pick<Standing, 'directory' | 'retired'>,
  warn: (error: unknown) => void,
): Promise<void> {
  if (!retired.isAllOver()) await directory.findByLogin(NOBODY).catch(warn);
}

/** When the old login is over for everybody, nobody asks it any more, and it may be switched off. */
async function legacy({ directory, retired }: Standing): Promise<string | undefined> {
  if (retired.isAllOver()) return undefined;
  return directory.check().then(
    () => undefined,
    () => 'down (logins answer 503; sessions go on)',
  );
}

function hashing({ passwords, settings, observed }: Standing): string | undefined {
  const { queued } = passwords.stats();
  const isFull = queued > settings.passwords.queueLength * FULL_SHARE;
  const hasRefused = performance.now() - observed.hashing.refusedAt < REFUSED_MS;
  return isFull || hasRefused ? `saturated (${queued} wait; some logins answer 503)` : undefined;
}

function sync({ settings, db, queue }: Standing): () => Promise<string | undefined> {
  const targets = settings.sync.pairs.map(({ target }) => target);
  const look = keptFor(SLOW_MS, () => syncGauges({ db, queue }, targets));
  return async () => {
    const { pairs, feeds } = await look();
    if (feeds.some(({ isWrong }) => isWrong)) return 'behind (changes of a store cannot be read)';
    if (pairs.some((pair) => pair.queue === null)) return 'behind (its queue does not answer)';
    const isLate = pairs.some((pair) => (pair.queue?.oldestLiveSeconds ?? 0) > SYNC_BEHIND_SECONDS);
    return isLate ? 'behind (edits have waited for more than five minutes)' : undefined;
  };
}
