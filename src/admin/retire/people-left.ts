/** Who is left behind: every active person of the legacy store, and where the ledger has them. */
import { FootbridgeError } from '../../errors.ts';
import { directoryPages } from '../../migration/batch/directory-pages.ts';
import { statesAt } from '../../migration/ledger.ts';
import type { State } from '../../migration/states.ts';
import type { Desk, RunOptions } from '../operation.ts';
import type { LeftClass, LeftPeople } from './facts.ts';

const SETTLED: readonly State[] = ['migrated', 'cut-over', 'retired', 'excluded', 'deleted'];
const EXAMPLES = 5;

/** Null: the store cannot be read from end to end. Throws legacy_unavailable. */
export async function peopleLeft(
  { directory, db }: Desk,
  target: string,
  { onProgress, signal }: Pick<RunOptions, 'onProgress' | 'signal'>,
): Promise<readonly LeftPeople[] | null> {
  if (!directory.entries) return null;
  const classes = new Map<LeftClass, { people: number; examples: string[] }>();
  const startedMs = performance.now();
  let users = 0;
  const asked = { subs: undefined, after: '', listedBy: '' };
  for await (const page of directoryPages(directory, asked)) {
    if (signal?.aborted) throw new FootbridgeError('bad_request', { detail: 'Stopped as you asked.' });
    const states = await statesAt(
      db,
      target,
      page.map(({ sub }) => sub),
    );
    for (const entry of page) {
      const state = states.get(entry.sub);
      if (state !== undefined && SETTLED.includes(state)) continue;
      // Nobody waits for somebody who cannot log in today either.
      if (!entry.error && entry.user.state !== 'active') continue;
      const kind = entry.error ? 'unreadable' : (state ?? 'never');
      const known = classes.get(kind) ?? { people: 0, examples: [] };
      known.people += 1;
      if (known.examples.length < EXAMPLES) known.examples.push(entry.sub);
      classes.set(kind, known);
    }
    users += page.length;
    const seconds = Math.max((performance.now() - startedMs) / 1_000, 0.001);
    onProgress?.({ users, total: undefined, continuedFrom: 0, perSecond: Math.round(users / seconds) });
  }
  return [...classes].map(([kind, found]) => ({ class: kind, ...found }));
}
