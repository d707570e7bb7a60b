/**
 * Scripts for ZITADEL's Actions V1, which only its Login V1 runs. They are ECMAScript 5.1, know no secret, and leave the
 * login alone whatever happens: ZITADEL runs them for failed logins too, and stops a login whose script fails unless it
 * may.
 *
 * Traps of its `zitadel/http`: with options there is no method and no header by default; an unknown option throws; a
 * header's text is split at commas; the body is always JSON; what fails in it cannot be caught by the script.
 */

export interface ActionScript {
  /** Also the name of the function that ZITADEL calls. */
  readonly name: string;
  /** External Authentication (`FLOW_TYPE_EXTERNAL_AUTHENTICATION`). */
  readonly flow: '1';
  /** Post Authentication, or Post Creation. */
  readonly trigger: '1' | '3';
  readonly script: string;
  readonly timeoutSeconds: number;
  readonly allowedToFail: boolean;
}

export interface ActionsV1Options {
  /** Where the scripts reach us: the provider's issuer. */
  readonly issuer: string;
  /** The target's name. */
  readonly target: string;
  /** The id of our identity provider there; without it the scripts also run for those of others, and send what is ours only. */
  readonly identityProvider?: string;
}

/** A login waits for them: when we do not answer by then, it goes on without us. */
const TIMEOUT_SECONDS = { returned: 3, created: 10 };

export function actionsV1({ issuer, target, identityProvider }: ActionsV1Options): readonly ActionScript[] {
  const url = `${issuer.replace(/\/$/, '')}/hooks/zitadel/${target}/v1`;
  const idp = JSON.stringify(identityProvider ?? '');
  const prefix = `footbridge_${target.replaceAll('-', '_')}`;
  const action = (step: keyof typeof TIMEOUT_SECONDS, trigger: ActionScript['trigger'], body: string) => ({
    name: `${prefix}_${step}`,
    flow: '1' as const,
    trigger,
    script: `function ${prefix}_${step}(ctx, api) {\n${body}}\n`,
    timeoutSeconds: TIMEOUT_SECONDS[step],
    // Where Footbridge is down, people log in all the same: what is missing is stored later.
    allowedToFail: true,
  });
  return [action('returned', '1', returned(url, idp)), action('created', '3', created(url, idp))];
}

const post = (url: string, body: string) => `require('zitadel/http').fetch(${JSON.stringify(url)}, {
    method: 'POST',
    headers: { 'Content-Type': ['application/json'], 'Accept': ['application/json'] },
    body: ${body}
  })`;

/** Only for somebody new: a setter makes ZITADEL overwrite the user it has, at every login. */
const returned = (url: string, idp: string) => `  if (!ctx.v1 || ctx.v1.authError !== 'none') { return; }
  if (ctx.v1.authRequest && ctx.v1.authRequest.userId) { return; }
  var idp = ${idp};
  if (idp && ctx.v1.externalUser && ctx.v1.externalUser.externalIdpId !== idp) { return; }
  var ticket = ctx.getClaim('urn:footbridge:ticket');
  if (typeof ticket !== 'string' || ticket === '') { return; }
  var answer = ${post(url, '{ ticket: ticket }')};
  var values;
  try { values = JSON.parse(answer.body); } catch (e) { return; }
  if (!values || typeof values !== 'object') { return; }
  var setters = ['setPreferredUsername', 'setFirstName', 'setLastName', 'setNickName', 'setDisplayName',
    'setPreferredLanguage', 'setEmail', 'setEmailVerified', 'setPhone', 'setPhoneVerified'];
  for (var i = 0; i < setters.length; i++) {
    var value = values[setters[i]];
    var wanted = /Verified$/.test(setters[i]) ? 'boolean' : 'string';
    if (typeof value === wanted && typeof api[setters[i]] === 'function') { api[setters[i]](value); }
  }
`;

/** Here ZITADEL tells no claims: the last linking user is the one that it has just made. */
const created = (
  url: string,
  idp: string,
) => `  if (!ctx.v1 || !ctx.v1.authRequest || typeof ctx.v1.getUser !== 'function') { return; }
  var links = ctx.v1.authRequest.linkingUsers;
  var link = links && links.length > 0 ? links[links.length - 1] : null;
  var idp = ${idp};
  if (!link || !link.externalId || (idp && link.externalIdpId !== idp)) { return; }
  var user = ctx.v1.getUser();
  if (!user || !user.id) { return; }
  ${post(url, '{ sub: link.externalId, userId: user.id }')};
`;
