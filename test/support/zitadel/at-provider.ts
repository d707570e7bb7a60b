/** What a person does at the identity provider, as far as their browser tells: follow, fill in, follow. */
import type { Answer, Browser } from '../browser.ts';
import { field } from '../browser.ts';

/** Brings the browser from the provider's authorize endpoint to our redirect URI, and answers with where it ended. */
export type AtProvider = (arrival: {
  readonly browser: Browser;
  readonly url: string;
  readonly redirectUri: string;
}) => Promise<Answer>;

export interface Typing {
  readonly username: string;
  readonly password: string;
  /** One-time codes, as they are asked for. */
  readonly code?: () => string;
}

/** Types into Footbridge's own pages; whoever has a session there is asked nothing but to go on. */
export function typing({ username, password, code }: Typing): AtProvider {
  return async ({ browser, url, redirectUri }) => {
    let page = await browser.follow(url, redirectUri);
    for (let forms = 0; forms < 4 && !page.location?.startsWith(redirectUri); forms++) {
      const has = (name: string) => page.body.includes(`name="${name}"`);
      const filled = has('password')
        ? { username, password }
        : has('choice')
          ? { choice: 'continue' }
          : code && has('code')
            ? { code: code(), factor: 'totp', step: field(page.body, 'step') ?? '' }
            : undefined;
      if (!filled) return page;
      const form = { ...filled, form_token: field(page.body, 'form_token') ?? '' };
      const action = /<form[^>]*action="([^"]*)"/.exec(page.body)?.[1];
      const target = action
        ? new URL(action.replaceAll('&amp;', '&'), page.url).href
        : page.url.split('?')[0]!;
      page = await browser.follow(target, redirectUri, { form });
    }
    return page;
  };
}
