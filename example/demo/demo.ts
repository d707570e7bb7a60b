/** Everything around Footbridge that the demo needs: the old shop, the target, the new app, and the story. */

import { CALLBACK_PATH, newApp } from './new-app.ts';
import type { Places } from './page.ts';
import { PEOPLE } from './people.ts';
import { shopApp } from './shop.ts';
import { openShopStore } from './shop-store.ts';
import { storyApp } from './story.ts';
import { targetListener } from './target.ts';
import type { CALLBACK_PATHS } from './target-login.ts';
import { CALLBACK_PATHS as CALLBACKS } from './target-login.ts';
import { openTargetStore } from './target-store.ts';
import type { Door, Log } from './web.ts';
import { newToken, openDoor } from './web.ts';

export { demoLegacySettings } from './demo-legacy.ts';
export { TARGET_CLIENT_ID } from './target.ts';

export interface DemoPorts {
  readonly shop: number;
  readonly target: number;
  readonly newApp: number;
  readonly story: number;
}
export const DEMO_PORTS: DemoPorts = { shop: 8090, target: 8091, newApp: 8092, story: 8093 };

/** What has to be registered for the target at Footbridge. */
export function targetRedirectUris({ target }: DemoPorts = DEMO_PORTS): string[] {
  return CALLBACKS.map((path) => `http://127.0.0.1:${target}${path}`);
}

export interface DemoOptions {
  readonly ports?: Partial<DemoPorts>;
  readonly databases: {
    readonly shop: string;
    /** Another database of the shop's server, as somebody who may switch the shop's off. */
    readonly shopAdmin: string;
    readonly target: string;
  };
  /** Footbridge's issuer, and the secret of its client `demo-target`. */
  readonly issuer: string;
  readonly clientSecret: string;
  /** Signs what Footbridge tells the shop. */
  readonly hookKey: string;
  /** Footbridge's console, for the map on top of the pages. */
  readonly consoleUrl?: string;
  /** How many people are in each state of the ledger. */
  readonly states?: () => Promise<Readonly<Record<string, number>>>;
  /** As ZITADEL's provider settings: PKCE or not, the old login's callback or the new one's. */
  readonly target?: {
    readonly usePkce?: boolean;
    readonly callbackPath?: (typeof CALLBACK_PATHS)[number];
    /** Opens the target's import API (`POST /v2/users/human`) to its bearer. */
    readonly apiToken?: string;
  };
  readonly log: Log;
}

export interface Demo {
  readonly links: readonly { readonly label: string; readonly url: string; readonly hint: string }[];
  close(): Promise<void>;
}

/** Listens on 127.0.0.1, fills the databases unless they are full, and switches the shop's on. */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const closers: (() => Promise<void>)[] = [];
  // In reverse: doors first, then what stands behind them.
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const stores = await openStores(options, closers);
    const doors = await openDoors({ ...DEMO_PORTS, ...options.ports }, closers);
    const places = placesOf(doors, options);
    serve(doors, { ...options, ...stores, places });
    return { links: linksTo(places), close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Closers = (() => Promise<void>)[];

async function openStores({ databases, log }: DemoOptions, closers: Closers) {
  const shopStore = openShopStore({ url: databases.shop, adminUrl: databases.shopAdmin, log });
  closers.push(shopStore.close);
  const targetStore = openTargetStore(databases.target, log);
  closers.push(targetStore.close);
  // Switched off last time: a new start is a new evening.
  if (!(await shopStore.isOn())) await shopStore.switchTo(true);
  const added = await shopStore.seed(PEOPLE);
  if (added > 0) log(`${added} people moved into the old shop`);
  await targetStore.prepare();
  return { shopStore, targetStore };
}

type Doors = Readonly<Record<keyof DemoPorts, Door>>;

async function openDoors(ports: DemoPorts, closers: Closers): Promise<Doors> {
  const open = async (name: keyof DemoPorts) => {
    const door = await openDoor({ port: ports[name], option: `ports.${name}` });
    closers.push(door.close);
    return door;
  };
  return {
    shop: await open('shop'),
    target: await open('target'),
    newApp: await open('newApp'),
    story: await open('story'),
  };
}

function placesOf(doors: Doors, { consoleUrl = 'http://127.0.0.1:8081/admin' }: DemoOptions): Places {
  return {
    shop: doors.shop.origin,
    target: doors.target.origin,
    'new-app': doors.newApp.origin,
    story: doors.story.origin,
    console: consoleUrl,
  };
}

type Parts = DemoOptions & Awaited<ReturnType<typeof openStores>> & { readonly places: Places };

function serve(doors: Doors, { places, log, shopStore, targetStore, ...options }: Parts): void {
  const client = {
    clientId: 'new-app',
    clientSecret: newToken(),
    redirectUri: `${places['new-app']}${CALLBACK_PATH}`,
    postLogoutRedirectUri: places['new-app'],
  };
  const { hookKey, issuer } = options;
  doors.shop.serve(shopApp({ store: shopStore, hookKey, issuer, places, log }).callback());
  doors.target.serve(
    targetListener({
      store: targetStore,
      places,
      issuer: options.issuer,
      clientSecret: options.clientSecret,
      app: client,
      usePkce: options.target?.usePkce ?? true,
      callbackPath: options.target?.callbackPath ?? CALLBACKS[0],
      apiToken: options.target?.apiToken,
      log,
    }),
  );
  doors.newApp.serve(newApp({ places, client, log }).callback());
  doors.story.serve(storyApp({ places, people: PEOPLE, states: options.states, log }).callback());
}

function linksTo(places: Places): Demo['links'] {
  return [
    { label: 'The story', url: places.story, hint: 'start here' },
    { label: 'Old shop', url: places.shop, hint: 'forty people, ten kinds of password hashes' },
    { label: 'New identity system', url: places.target, hint: 'stands for ZITADEL; knows nobody yet' },
    { label: 'New app', url: places['new-app'], hint: 'trusts only the new identity system' },
  ];
}
