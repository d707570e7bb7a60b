/**
 * The demo's shop, new app and story for docker-compose.yml, with a real ZITADEL in place of the demo's own target:
 * `node apps.ts`, and `node apps.ts --check` as the container's health check.
 */
import type { RequestListener } from 'node:http';
import { createServer } from 'node:http';
import { CALLBACK_PATH, newApp } from '../demo/new-app.ts';
import type { Places } from '../demo/page.ts';
import { PEOPLE } from '../demo/people.ts';
import { shopApp } from '../demo/shop.ts';
import { openShopStore } from '../demo/shop-store.ts';
import { storyApp } from '../demo/story.ts';

/** As docker-compose.yml and footbridge.yaml beside this file say. */
const PLACES: Places = {
  shop: 'http://shop.bridge.localhost:8090',
  target: 'http://zitadel.bridge.localhost:8085',
  'new-app': 'http://app.bridge.localhost:8092',
  story: 'http://story.bridge.localhost:8093',
  console: 'http://zitadel.bridge.localhost:8085/ui/console',
};
/** Footbridge's. */
const ISSUER = 'http://id.bridge.localhost:8080';
const OURS = [PLACES.shop, PLACES['new-app'], PLACES.story];

const log = (line: string) => process.stderr.write(`${line}\n`);

async function start(): Promise<void> {
  const store = openShopStore({
    url: required('SHOP_DATABASE_URL'),
    adminUrl: required('SHOP_ADMIN_DATABASE_URL'),
    log,
  });
  if (!(await store.isOn())) await store.switchTo(true);
  await store.seed(PEOPLE);
  const client = {
    // An empty variable is one that is not set yet: ZITADEL then says that it does not know this client.
    clientId: process.env.NEW_APP_CLIENT_ID || 'not-registered-yet',
    clientSecret: process.env.NEW_APP_CLIENT_SECRET || 'not-registered-yet',
    redirectUri: `${PLACES['new-app']}${CALLBACK_PATH}`,
    postLogoutRedirectUri: PLACES['new-app'],
  };
  const doors = [
    serve(
      PLACES.shop,
      shopApp({ store, hookKey: required('SHOP_HOOK_KEY'), issuer: ISSUER, places: PLACES, log }).callback(),
    ),
    serve(PLACES['new-app'], newApp({ places: PLACES, client, log }).callback()),
    serve(PLACES.story, storyApp({ places: PLACES, people: PEOPLE, log }).callback()),
  ];
  process.once('SIGTERM', () => {
    for (const door of doors) {
      door.close();
      door.closeAllConnections();
    }
    void store.close();
  });
  log(`serving ${OURS.join(', ')}`);
}

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`the environment variable ${name} is not set`);
  return value;
}

function serve(origin: string, listener: RequestListener) {
  return createServer(listener).listen(Number(new URL(origin).port), '0.0.0.0');
}

async function check(): Promise<void> {
  for (const origin of OURS) {
    const answer = await fetch(origin, { signal: AbortSignal.timeout(2_000) });
    if (!answer.ok) throw new Error(`${origin} answers ${answer.status}`);
  }
}

await (process.argv.includes('--check') ? check() : start());
