/** A person's way through a login, as far as it goes, with what came of it; and a code made good. */
import type { Person } from '../../../example/demo/people.ts';
import type { RolloutTown } from '../../flows/rollout/rollout-town.ts';
import { BROKER } from '../../flows/rollout/rollout-town.ts';
import { CHALLENGE, VERIFIER } from '../../provider/harness.ts';
import type { Answer } from '../../support/browser.ts';
import { Browser, field } from '../../support/browser.ts';

export interface Client {
  readonly id: string;
  readonly secret: string;
  readonly callback: string;
}

export const CLIENTS: readonly Client[] = [
  { id: 'shop-web', secret: 'secret-of-shop-0123456789', callback: 'https://shop.example/callback' },
  { id: 'wiki-web', secret: 'secret-of-wiki-0123456789', callback: 'https://wiki.example/callback' },
  { id: BROKER.clientId, secret: 'secret-of-the-target-0123456789', callback: BROKER.callback },
];

export type Town = Pick<RolloutTown, 'issuer'>;

/** The login page of this client, in a browser of its own. */
export async function arrive({ issuer }: Town, client: Client) {
  const browser = new Browser();
  const url = new URL(`${issuer}/auth`);
  const query = {
    ...{ client_id: client.id, redirect_uri: client.callback, response_type: 'code', scope: 'openid' },
    ...{ state: 's', code_challenge: CHALLENGE, code_challenge_method: 'S256' },
  };
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const page = await browser.follow(url.href, client.callback);
  const post = (form: Record<string, string>, body: string) =>
    browser.visit(page.url.split('?')[0]!, {
      form: { ...form, form_token: field(body, 'form_token') ?? '' },
    });
  return {
    page,
    /** The name first, where the page asks for nothing else; then both. */
    async type({ login, password }: Pick<Person, 'login' | 'password'>): Promise<Answer> {
      if (page.status !== 200) return page;
      let { body } = page;
      if (!body.includes('name="password"')) {
        const named = await post({ username: login }, body);
        if (named.status !== 200) return named;
        body = named.body;
      }
      const typed = await post({ username: login, password }, body);
      if (!typed.location?.startsWith(issuer)) return typed;
      return browser.follow(typed.location, client.callback);
    },
  };
}

/** `new`: at the target; `old`: back at the app with a code; else what is said. */
export function placeOf({ status, location }: Answer): string {
  if (location?.startsWith('https://app.example.com/login')) return 'new';
  if (location && codeIn(location)) return 'old';
  return `${status} ${location ? (new URL(location).searchParams.get('error') ?? '') : ''}`.trim();
}

export const codeIn = (location: string | undefined) =>
  location === undefined ? undefined : (new URL(location).searchParams.get('code') ?? undefined);

export const redeem = ({ issuer }: Town, { id, secret, callback }: Client, code: string): Promise<Answer> =>
  new Browser().visit(`${issuer}/token`, {
    form: { grant_type: 'authorization_code', code, redirect_uri: callback, code_verifier: VERIFIER },
    headers: { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` },
  });

/** Whom the ID token is about. */
export function subIn(answer: Answer): string {
  const [, payload = ''] = answer.json<{ id_token: string }>().id_token.split('.');
  return (JSON.parse(Buffer.from(payload, 'base64url').toString()) as { sub: string }).sub;
}
