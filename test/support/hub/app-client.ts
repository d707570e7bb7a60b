/** An app that talks to the hub, for tests of the hub itself. */
import { Browser } from '../browser.ts';
import type { AtHub, Hub } from './index.ts';
import { throughHub } from './index.ts';

export const BACK = 'https://app.example.com/callback';

export interface Told {
  readonly status: number;
  /** Its top; values that are no text are there as they are. */
  readonly body: Readonly<Record<string, string>>;
}

export function appClient(hub: Hub, asSomebody: AtHub) {
  const own = { client_id: hub.app.clientId, client_secret: hub.app.clientSecret };
  const basic = `Basic ${Buffer.from(`${hub.app.clientId}:${hub.app.clientSecret}`).toString('base64')}`;
  const told = async (answer: Response): Promise<Told> => {
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? {} : JSON.parse(text) };
  };
  const post = async (form: Record<string, string>, authorization?: string) =>
    told(
      await fetch(`${hub.url}/oauth/access_token`, {
        method: 'POST',
        ...(authorization && { headers: { authorization } }),
        body: new URLSearchParams(form),
      }),
    );
  const authorizeUrl = (more: Record<string, string> = {}) =>
    `${hub.url}/oauth/authorize?${new URLSearchParams({
      client_id: hub.app.clientId,
      redirect_uri: BACK,
      state: 'their-state',
      scope: 'zaikio.person.r',
      ...more,
    })}`;
  /** What comes back from the pages. */
  const back = async (more: Record<string, string> = {}, at: AtHub = asSomebody, browser = new Browser()) => {
    const { location } = await throughHub(browser, authorizeUrl(more), at);
    return new URL(location!).searchParams;
  };
  const codeOf = async (more?: Record<string, string>, at?: AtHub) => (await back(more, at)).get('code')!;
  return {
    own,
    basic,
    post,
    authorizeUrl,
    back,
    codeOf,
    tokenOf: async (code: string): Promise<string> => (await post({ ...own, code })).body.access_token!,
    credentials: (scope: string) => post({ grant_type: 'client_credentials', scope }, basic),
    async api(what: string, authorization?: string, document?: object): Promise<Told> {
      const [method, path] = what.split(' ') as [string, string];
      return told(
        await fetch(`${hub.url}/api/v1${path}`, {
          method,
          headers: { 'content-type': 'application/json', ...(authorization && { authorization }) },
          ...(document && { body: JSON.stringify(document) }),
        }),
      );
    },
  };
}
