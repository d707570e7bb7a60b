/** Where people are sent: `GET /oauth/authorize`, with scopes in a list with commas and what a sign-up form is filled in with. */
import { createHash, randomBytes } from 'node:crypto';
import type { SignInChecks, SignInRequest, SignUpHints } from '../sign-in.ts';
import type { HubTarget } from './hub-target.ts';

const SECRET_BYTES = 32;
/** A form is filled in, not a book: addresses have to fit into servers on the way. */
const MAX_HINT = 200;
const MAX_KINDS = 10;

export function authorizationOf(
  target: HubTarget,
  request: SignInRequest,
): { readonly url: string; readonly checks: SignInChecks } {
  const { purpose, redirectUri, hints, isOtherAccount, locale } = request;
  const checks: SignInChecks = {
    state: randomBytes(SECRET_BYTES).toString('base64url'),
    verifier: randomBytes(SECRET_BYTES).toString('base64url'),
    purpose,
    redirectUri,
  };
  const query = new URLSearchParams([
    ...Object.entries({
      ...target.signIn.parameters,
      client_id: target.signIn.clientId,
      redirect_uri: redirectUri,
      state: checks.state,
      scope: scopesOf(target, purpose).join(','),
      code_challenge: createHash('sha256').update(checks.verifier).digest('base64url'),
      code_challenge_method: 'S256',
      ...(isOtherAccount && { force_login: 'true' }),
      // The language alone: regions are not its business.
      ...(locale && { lang: locale.split('-')[0]!.toLowerCase() }),
    }),
    ...hintsOf(hints),
  ]);
  return { url: `${target.hub.url}/oauth/authorize?${query}`, checks };
}

/** Of an organization they begin with `Org`: the person chooses which. */
function scopesOf({ hub, signIn }: HubTarget, purpose: SignInRequest['purpose']): readonly string[] {
  if (purpose === 'person') return signIn.scopes ?? [`${hub.scopeNames}.person.r`];
  return hub.organizationScopes.map((scope) => `Org.${hub.scopeNames}.${scope}`);
}

function hintsOf({ email, givenName, familyName, organization }: SignUpHints): [string, string][] {
  const all: [string, string | undefined][] = [
    ['login', email],
    ['person[first_name]', givenName],
    ['person[name]', familyName],
    ['person[email]', email],
    ['organization[name]', organization?.name],
    ['organization[country_code]', organization?.countryCode],
    ...(organization?.kinds ?? [])
      .slice(0, MAX_KINDS)
      .map((kind): [string, string] => ['organization[kinds][]', kind]),
  ];
  return all.flatMap(([name, value]) => (value ? [[name, value.slice(0, MAX_HINT)]] : []));
}
