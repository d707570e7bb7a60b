/** The town of batches, with two old apps, a router in front of them, and a plan that its operator carries out. */

import type { Person } from '../../../example/demo/people.ts';
import { keepPlan } from '../../../src/rollout/phases.ts';
import { planShape } from '../../../src/rollout/plan.ts';
import { openDb } from '../../../src/store/db.ts';
import { Browser, field } from '../../support/browser.ts';
import type { StandInKratos } from '../../support/kratos/index.ts';
import { startKratos } from '../../support/kratos/index.ts';
import { openTown, subOf } from '../batch/town.ts';
import { until } from '../server.ts';
import type { Settings } from '../zitadel/settings.ts';

const TOKEN = 'token-of-the-project-0123456789';
export const APPS = { shop: 'https://shop.example/callback', wiki: 'https://wiki.example/callback' } as const;
export type App = keyof typeof APPS;
/** The target's own client, by which it asks us. */
export const BROKER = { clientId: 'new-one', callback: 'http://new-one.example/callback' };
const secretOf = (client: string) => `secret-of-${client}-0123456789`;

export type RolloutTown = Awaited<ReturnType<typeof openRolloutTown>>;

export async function openRolloutTown({ change }: { readonly change?: (settings: Settings) => void } = {}) {
  const kratos: StandInKratos = await startKratos({ token: TOKEN });
  const town = await openTown({
    target: {
      kind: 'kratos',
      api: { url: kratos.url, token: TOKEN, identityProvider: 'footbridge', perSecond: 1_000 },
      kratos: { traits: { username: 'username', givenName: 'name.first', familyName: 'name.last' } },
    },
    change: (settings) => {
      settings.admin.fourEyes = false;
      settings.provider.clients.push(
        ...Object.entries(APPS).map(([app, callback]) => ({
          clientId: `${app}-web`,
          secret: secretOf(app),
          redirectUris: [callback],
          pkce: 'optional',
        })),
        {
          clientId: 'router',
          secret: secretOf('router'),
          grantTypes: ['client_credentials'],
          mayEnsure: ['kratos'],
        },
      );
      change?.(settings);
    },
  });
  const db = openDb({ url: String(town.settings.database.url), poolSize: 2 });

  /** Through a login at this app: where the browser is in the end. */
  const begin = async (app: App, browser = new Browser()) => {
    const url = new URL(`${town.issuer}/auth`);
    const query = {
      client_id: `${app}-web`,
      redirect_uri: APPS[app],
      response_type: 'code',
      scope: 'openid',
      state: 's',
    };
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const page = await browser.follow(url.href, APPS[app]);
    return {
      /** The name first, where the page asks for nothing else; then both. */
      async type({ login, password }: Pick<Person, 'login' | 'password'>): Promise<string> {
        const post = (form: Record<string, string>, body: string) =>
          browser.visit(page.url.split('?')[0]!, {
            form: { ...form, form_token: field(body, 'form_token') ?? '' },
          });
        let last = page.body;
        if (!page.body.includes('name="password"')) {
          const named = await post({ username: login }, page.body);
          if (named.status === 303) return placeOf(named.location);
          last = named.body;
        }
        const { status, location, body } = await post({ username: login, password }, last);
        if (status !== 303) return `${status} ${/<h1[^>]*>([^<]*)/.exec(body)?.[1] ?? ''}`.trim();
        if (!location?.startsWith(town.issuer)) return placeOf(location);
        return placeOf((await browser.follow(location, APPS[app])).location);
      },
    };
  };

  const tokenOf = async (client: string, scope: string) => {
    const answer = await fetch(`${town.issuer}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${client}:${secretOf(client)}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope }),
    });
    return ((await answer.json()) as { access_token: string }).access_token;
  };

  const route = async (
    app: string,
    who: { sub?: string; login?: string },
    client = 'router',
  ): Promise<Record<string, unknown>> => {
    const answer = await fetch(`${town.issuer}/migration/route`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await tokenOf(client, 'migration:read')}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ target: 'kratos', app, ...who }),
    });
    return { status: answer.status, ...((await answer.json()) as Record<string, unknown>) };
  };

  return {
    ...town,
    kratos,
    db,
    /** Written by hand into our database: what commands make of files is tested elsewhere. */
    async plan(plan: object): Promise<void> {
      const read = planShape.parse({ name: 'move', target: 'kratos', ...plan });
      await db.transaction(
        async (tx) => void (await keepPlan(tx, { plan: read, source: '', actor: 'test' })),
      );
      // That there is one at all is seen within seconds, and every change from then on at once.
      await until(async () => (await route('shop', { sub: subOf(town.people[0]!) })).reason !== 'no_plan');
    },
    begin,
    /** `old`: back at the app with a code; `new`: at the target. */
    logInAt: async (app: App, person: Person) => (await begin(app)).type(person),
    route,
    /** How many accounts somebody has at the target. */
    accounts: (person: Person) =>
      [...kratos.identities.byId.values()].filter(({ traits }) =>
        JSON.stringify(traits).includes(person.email ?? ''),
      ).length,
    assignments: (person: Person) =>
      town.sql('select phase, attempt, segment from rollout_assignments where sub = $1 order by phase', [
        subOf(person),
      ]),
    async close(): Promise<void> {
      await db.close();
      await town.close();
      await kratos.close();
    },
  };
}

function placeOf(location: string | undefined): string {
  if (location === undefined) return 'nowhere';
  const isOld = Object.values(APPS).some((callback) => location.startsWith(`${callback}?`));
  if (isOld) return location.includes('code=') ? 'old' : location;
  return location.startsWith('https://app.example.com/login') ? 'new' : location;
}
