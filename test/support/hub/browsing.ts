/** Somebody at the hub's pages, without a screen: from the authorize request until the hub sends the browser back. */
import type { Answer, Browser } from '../browser.ts';
import { field } from '../browser.ts';
import { DEFAULT_PASSWORD } from './directory.ts';

export interface AtHub {
  /** What they type; by default what stands in the form. */
  readonly email?: string;
  readonly password?: string;
  /** They make an account, with what stands in the form; the password is the one above. */
  readonly signUp?: boolean;
  /** The id of theirs that they choose; without it they create the one that the form is filled in for. */
  readonly organization?: string;
  /** They say no. */
  readonly deny?: boolean;
  /** They say at the consent page that it is the wrong account, and log in as somebody else. */
  readonly other?: { readonly email: string; readonly password?: string };
}

const MAX_STEPS = 20;

/** The answer that leads back: its `location` is at the app's redirect_uri. Throws where a page does not let them on. */
export async function throughHub(browser: Browser, authorizeUrl: string, at: AtHub = {}): Promise<Answer> {
  const hub = new URL(authorizeUrl).origin;
  let who = at;
  let answer = await browser.visit(authorizeUrl);
  for (let step = 0; step < MAX_STEPS; step++) {
    if (answer.location !== undefined) {
      if (new URL(answer.location).origin !== hub) return answer;
      answer = await browser.visit(answer.location);
      continue;
    }
    const page = /<main data-page="(\w+)">/.exec(answer.body)?.[1] ?? 'unknown';
    const form = answer.status === 200 ? formOf(page, answer, who) : undefined;
    if (!form) throw new Error(`the hub's page ${page} (${answer.status}): ${alertOf(answer.body)}`);
    if (form.path === '/logout') who = { ...at, email: at.other!.email, ...passwordOf(at.other) };
    const request = new URL(answer.url).searchParams.get('request');
    const to = `${hub}${form.path}?request=${request}`;
    answer = await browser.visit(to, form.fields ? { form: form.fields } : {});
  }
  throw new Error('the hub goes round in circles');
}

const passwordOf = (given: { readonly password?: string } | undefined) => ({
  password: given?.password ?? DEFAULT_PASSWORD,
});

interface Step {
  readonly path: string;
  /** Without them it is a link. */
  readonly fields?: Record<string, string>;
}

function formOf(page: string, { body }: Answer, at: AtHub): Step | undefined {
  const filledIn = (name: string) => field(body, name) ?? '';
  const { password } = passwordOf(at);
  if (page === 'login' && at.signUp) return { path: '/signup' };
  if (page === 'login') return { path: '/login', fields: { email: at.email ?? filledIn('email'), password } };
  if (page === 'signup') {
    const typed = { email: at.email ?? filledIn('email'), password };
    return {
      path: '/signup',
      fields: { first_name: filledIn('first_name'), name: filledIn('name'), ...typed },
    };
  }
  if (page === 'organizations' && at.deny) return { path: '/consent', fields: { decision: 'deny' } };
  if (page === 'organizations' && at.organization !== undefined)
    return { path: '/organizations/choose', fields: { organization: at.organization } };
  if (page === 'organizations') {
    const kinds = field(body, 'kinds\\[\\]');
    const fields = { name: filledIn('name'), country_code: filledIn('country_code') };
    return { path: '/organizations/new', fields: { ...fields, ...(kinds && { 'kinds[]': kinds }) } };
  }
  if (page !== 'consent') return undefined;
  if (at.other && !body.includes(at.other.email)) return { path: '/logout', fields: {} };
  return { path: '/consent', fields: { decision: at.deny ? 'deny' : 'approve' } };
}

const alertOf = (html: string) => /<p role="alert">([^<]*)/.exec(html)?.[1] ?? 'no alert';
