/** Settings of the legacy apps whose sessions live beside ours. */
import { z } from 'zod';
import { APP_KINDS } from './apps/index.ts';

type Kinds = typeof APP_KINDS;
type KindSettings = Kinds[keyof Kinds]['settings'];
const kinds = Object.values(APP_KINDS).map(({ settings }) => settings);

export const legacySessionSettings = z
  // What the table holds is one of the kinds: TypeScript cannot follow that through `Object.values`.
  .array(z.discriminatedUnion('kind', kinds as unknown as [KindSettings, ...KindSettings[]]))
  .max(8)
  .default([])
  .superRefine((apps, context) => {
    const fail = (message: string) => context.addIssue({ code: 'custom', message });
    if (new Set(apps.map(({ name }) => name)).size < apps.length) fail('every app has a name of its own');
    // The second app's address, token and all, would have to be kept for the first to send the browser to.
    if (apps.filter((app) => app.kind === 'hand-over' && app.url !== undefined).length > 1)
      fail('the browser can go through one app only');
  })
  .describe(
    'Legacy apps whose sessions live beside ours. Their order is the order in which they are believed, where several know somebody.',
  );
export type LegacySessionSettings = z.output<typeof legacySessionSettings>;
export type LegacyAppSettings = LegacySessionSettings[number];

export interface WrongStore {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Apps that name a legacy store there is none of. */
export function wrongStores(apps: LegacySessionSettings, stores: readonly string[]): WrongStore[] {
  return apps.flatMap(({ store }, index) =>
    store === undefined || stores.includes(store)
      ? []
      : [{ path: [index, 'store'], message: `no legacy store is called ${store}` }],
  );
}
