/**
 * A login of a real person, as ZITADEL's Login V2 makes it: an intent there, our pages, back to ZITADEL, and what it
 * then knows. It is a login like any other: the ledger and ZITADEL's hooks take it for one.
 */
import type { Secret } from '../../../settings.ts';
import { idpIdOf } from '../../resources.ts';
import type { Hop } from '../../setup.ts';
import { ZitadelError } from '../api.ts';
import type { Context } from './context.ts';
import { publicOrigin } from './redirect-uris.ts';
import type { Page } from './visitor.ts';
import { formOf, Visitor } from './visitor.ts';

/** Where ZITADEL sends the browser in the end; nobody ever goes there (RFC 2606 section 2). */
const SUCCESS = 'https://footbridge.invalid/success';
const FAILURE = 'https://footbridge.invalid/failure';

interface Login {
  readonly username: string;
  readonly password: Secret;
}

/** What stopped the login: no error of ours. */
class Stopped extends Error {}

export async function tryLogin(context: Context, login: Login): Promise<Hop[]> {
  const hops: Hop[] = [];
  const hop = (what: string, detail?: string) => hops.push({ what, isGood: true, ...(detail && { detail }) });
  try {
    const authUrl = await startIntent(context);
    hop('ZITADEL starts a login at us', `it sends the browser to ${withoutQuery(authUrl)}`);
    const callback = await throughOurPages(context, { authUrl, login, hop });
    const { url } = await visitCallback(context, callback);
    hop('ZITADEL takes the code and fetches the claims', withoutQuery(url));
    const known = await retrieveIntent(context, new URL(url));
    hop('ZITADEL knows who it is', known);
  } catch (error) {
    if (!(error instanceof Stopped) && !(error instanceof ZitadelError)) throw error;
    hops.push({ what: 'The login ends here', isGood: false, detail: error.message });
  }
  return hops;
}

async function startIntent({ api, deps, target }: Context): Promise<string> {
  const idpId = await idpIdOf(deps.db, target);
  if (!idpId) throw new Stopped('we are no identity provider there yet: run target setup first');
  const body = { idpId, urls: { successUrl: SUCCESS, failureUrl: FAILURE } };
  const { authUrl } = await api.call<{ authUrl?: string }>('POST', '/v2/idp_intents', { body });
  if (!authUrl) throw new Stopped('ZITADEL does not say where to send the browser');
  if (new URL(authUrl).origin !== deps.issuer)
    throw new Stopped(`ZITADEL sends the browser to ${withoutQuery(authUrl)}, which is not us`);
  return authUrl;
}

interface OnTheWay {
  readonly authUrl: string;
  readonly login: Login;
  readonly hop: (what: string, detail?: string) => unknown;
}

/** From our authorization endpoint to the redirect back to ZITADEL. */
async function throughOurPages(context: Context, { authUrl, login, hop }: OnTheWay): Promise<string> {
  const visitor = new Visitor(context.deps.issuer);
  const first = await visitor.follow(authUrl);
  const form = pageOf(first, 'username');
  hop('Our login page comes');
  const { username, password } = login;
  const answer = await visitor.follow(form.action, { ...form.fields, username, password: password.reveal() });
  if (answer.location !== undefined) {
    hop('The password is right', 'and we send the browser back');
    return answer.location;
  }
  const { fields } = formOf(answer);
  if ('code' in fields || 'factor' in fields || 'step' in fields)
    throw new Stopped('the password is right, and we ask for a second factor: try somebody who has none');
  if ('username' in fields) throw new Stopped('our login page comes again: username or password is wrong');
  throw new Stopped(`our page answers ${answer.status} and leads nowhere: has this person moved already?`);
}

function pageOf(page: Page, field: string) {
  const form = formOf(page);
  if (page.location !== undefined)
    throw new Stopped(`we send the browser back at once: ${problemIn(page.location)}`);
  if (!(field in form.fields)) throw new Stopped(`our login page does not come: ${page.status}`);
  return form;
}

async function visitCallback(context: Context, location: string): Promise<{ url: string }> {
  const [known, reached] = [await publicOrigin(context), context.target.api!.url];
  const back = new URL(location);
  if (back.origin !== known && back.origin !== reached)
    throw new Stopped(`we send the browser to ${withoutQuery(location)}, which is not ZITADEL`);
  if (back.searchParams.has('error')) throw new Stopped(`we refuse: ${problemIn(location)}`);
  const answer = await new Visitor(back.origin).visit(location);
  if (answer.location?.startsWith(SUCCESS)) return { url: answer.location };
  if (answer.location === undefined) throw new Stopped(`ZITADEL’s callback answers ${answer.status}`);
  throw new Stopped(`ZITADEL could not use the login: ${problemIn(answer.location)}`);
}

interface Retrieved {
  readonly userId?: string;
  readonly idpInformation?: { readonly userId?: string; readonly userName?: string };
}

async function retrieveIntent({ api }: Context, url: URL): Promise<string> {
  const [id, token] = [url.searchParams.get('id') ?? '', url.searchParams.get('token') ?? ''];
  const path = `/v2/idp_intents/${encodeURIComponent(id)}`;
  const intent = await api.call<Retrieved>('POST', path, { body: { idpIntentToken: token } });
  const sub = intent.idpInformation?.userId;
  if (!sub) throw new Stopped('ZITADEL took the login and knows no subject');
  const there = intent.userId ? `its user ${intent.userId}` : 'nobody it knows yet';
  return `our subject ${sub} is ${there}`;
}

const withoutQuery = (url: string) => url.split(/[?#]/)[0]!;

/** The error in a redirect (RFC 6749 section 4.1.2.1), or ZITADEL's; nothing else of its query. */
function problemIn(location: string): string {
  const { searchParams } = new URL(location);
  const parts = ['error', 'error_description'].flatMap((name) => searchParams.get(name) ?? []);
  return parts.join(': ').slice(0, 300) || `to ${withoutQuery(location)}`;
}
