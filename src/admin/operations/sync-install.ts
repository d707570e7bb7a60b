import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import type { StoreSetup } from '../../legacy/feed.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { forgetFeeds } from '../../sync/intake/feeds.ts';
import { allPairs } from '../../sync/pairs.ts';
import { NOTHING_CHANGED } from '../claim-tokens/claim-desk.ts';
import type { Desk } from '../operation.ts';
import { defineOperation } from '../operation.ts';

const input = z.strictObject({
  store: z.string().min(1).optional().describe('Only this legacy store; else all that need something.'),
});

interface AtStore {
  readonly store: string;
  /** What is made, in order. */
  readonly plan: readonly string[];
  /** What is missing or wrong; null: it was not looked at. */
  readonly problems: readonly string[] | null;
}

export const syncInstall = defineOperation({
  name: 'sync install',
  summary:
    'Makes at the legacy store what sync needs there: the table and triggers or the slot that tell of its changes, and the table of marks. Prints the statements; doing it again changes nothing.',
  input,
  changes: true,
  async run(desk, { store }, { execute }) {
    const stores: AtStore[] = [];
    for (const one of setupsOf(desk, store)) {
      if (execute) await done(desk, one, { action: 'sync.installed', work: () => one.setup.install() });
      stores.push({ store: one.store, plan: one.setup.plan(), problems: await one.setup.check() });
    }
    return { executed: execute, stores };
  },
  print: ({ executed, stores }) =>
    [
      ...stores.flatMap(({ store, plan, problems }) => [
        `At ${store}:`,
        ...plan.flatMap((step) => step.split('\n').map((line) => `  ${line}`)),
        ...((problems ?? []).length === 0
          ? ['  Everything is there.']
          : ['  Missing or wrong:', ...(problems ?? []).map((problem) => `    ${problem}`)]),
      ]),
      ...(executed ? [] : [NOTHING_CHANGED]),
    ].join('\n'),
  foundWrong: ({ executed, stores }) =>
    executed && stores.some(({ problems }) => (problems ?? []).length > 0),
});

export const syncUninstall = defineOperation({
  name: 'sync uninstall',
  summary:
    'Takes away what sync install has made at the legacy store, with the changes that wait in it. Only when no target is kept equal any more.',
  input,
  changes: true,
  danger: true,
  async run(desk, { store }, { execute }) {
    const live = (await allPairs(desk.db)).filter(({ state }) => state !== 'stopped');
    if (live.length > 0)
      throw new FootbridgeError('sync_state', {
        detail: `${live.map((one) => `${one.target} is ${one.state}`).join(', ')}: drain and stop it first.`,
      });
    const stores: AtStore[] = [];
    for (const one of setupsOf(desk, store)) {
      if (execute) {
        await done(desk, one, { action: 'sync.uninstalled', work: () => one.setup.remove() });
        await forgetFeeds(desk.db, one.store);
      }
      stores.push({ store: one.store, plan: one.setup.plan(), problems: null });
    }
    return { executed: execute, stores };
  },
  print: ({ executed, stores }) =>
    [
      ...stores.flatMap(({ store, plan }) => [
        `${executed ? 'Taken away' : 'Would take away'} at ${store} what this has made:`,
        ...plan.flatMap((step) => step.split('\n').map((line) => `  ${line}`)),
      ]),
      ...(executed ? [] : [NOTHING_CHANGED]),
    ].join('\n'),
});

interface Named {
  readonly store: string;
  readonly setup: StoreSetup;
}

/** Throws not_found. */
function setupsOf({ directory }: Desk, store: string | undefined): readonly Named[] {
  const found = directory.setups.filter((one) => store === undefined || one.store === store);
  if (found.length > 0) return found;
  const which = store === undefined ? 'No legacy store' : `The legacy store ${store}`;
  throw new FootbridgeError('not_found', {
    detail: `${which} needs anything: neither \`changes\` nor \`apply\` is configured there, or they need nothing.`,
  });
}

/** On record before it is done: what dies in between was tried. */
async function done(
  { db, actor }: Desk,
  { store }: Named,
  { action, work }: { readonly action: string; readonly work: () => Promise<void> },
): Promise<void> {
  await appendAudit(db, { actor, action, detail: { store } });
  await work();
}
