/** Somebody at the login for applications, without a screen: from the authorize request until they are sent back. */
import type { Answer, Browser } from '../browser.ts';
import { field } from '../browser.ts';

export interface AtLogin {
  /** What they type; by default what stands in the form. */
  readonly loginName?: string;
  readonly password?: string;
  /** The one-time code, where it is asked for. */
  readonly code?: string;
  /** The id of the user whose session they choose; without it they add another account. */
  readonly account?: string;
  /** They register, with the address that stands in the form unless they type another. */
  readonly register?: { readonly givenName: string; readonly familyName: string; readonly email?: string };
  readonly cancel?: boolean;
}

const MOST_STEPS = 10;

/** The answer that leads away from ZITADEL, or the page that does not let them on: `pageOf` says which. */
export async function throughLogin(browser: Browser, authorizeUrl: string, at: AtLogin): Promise<Answer> {
  const { origin } = new URL(authorizeUrl);
  let answer = await browser.visit(authorizeUrl);
  for (let step = 0; step < MOST_STEPS; step++) {
    if (answer.location !== undefined) {
      if (new URL(answer.location).origin !== origin) return answer;
      answer = await browser.visit(answer.location);
      continue;
    }
    const { name, problem } = pageOf(answer);
    const form = problem === undefined ? formOf(name, answer, at) : undefined;
    if (!form) return answer;
    answer = await browser.visit(answer.url, { form });
  }
  throw new Error('ZITADEL goes round in circles');
}

/** Which page it is, and what it says is wrong. */
export const pageOf = ({ body }: Pick<Answer, 'body'>) => ({
  name: /<main data-page="(\w+)"/.exec(body)?.[1] ?? 'unknown',
  problem: /<p role="alert">([^<]*)/.exec(body)?.[1],
});

function formOf(page: string, { body }: Answer, at: AtLogin): Record<string, string> | undefined {
  const filledIn = (name: string) => field(body, name) ?? '';
  const { password = '' } = at;
  if (at.cancel) return { action: 'cancel' };
  switch (page) {
    case 'login':
      return { action: 'login', loginName: at.loginName ?? filledIn('loginName'), password };
    case 'code':
      return at.code === undefined ? undefined : { action: 'code', code: at.code };
    case 'accounts':
      return at.account === undefined ? { action: 'other' } : { account: at.account };
    case 'register':
      return at.register && { action: 'register', email: filledIn('email'), password, ...at.register };
    default:
      return undefined;
  }
}
