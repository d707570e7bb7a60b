/** Who is in an organization: asked with a token of that organization, which it lets us have for as long as we are connected. */
import { nowSeconds as systemSeconds } from '../../clock.ts';
import type { HeldToken } from '../held-token.ts';
import { holdToken } from '../held-token.ts';
import type { TargetOrganizations } from '../organizations.ts';
import type { Target } from '../target.ts';
import { secondsOf } from './access-token.ts';
import type { HubApi } from './api.ts';
import { openHubApi } from './api.ts';
import { organizationAnswer, readDocument, tokenAnswer } from './documents.ts';
import { asFootbridgeError, HubError } from './hub-error.ts';
import type { HubTarget } from './hub-target.ts';
import { basic, hubTarget } from './hub-target.ts';
import { readMembers } from './members.ts';

export interface HubOrganizationsDeps {
  readonly nowSeconds?: () => number;
}

/** Of so many organizations tokens are held; the one that was longest not asked with goes. */
const MAX_TOKENS = 1_000;
const MARGIN_SECONDS = 60;
const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** It is gone, or has never let us in, or does not any more. */
const NOT_OURS = new Set(['bearer_does_not_exist', 'ungranted_scope']);
/** In the hub's own words: a bare 404 may be that of a wrong address, and must not look as if everybody had left. */
const isGone = ({ status, reason, isTemporary }: HubError) =>
  !isTemporary && (NOT_OURS.has(reason) || (status === 404 && reason !== 'status_404'));

/** Throws config_invalid. Calls nobody yet. */
export function openHubOrganizations(
  settings: Target,
  { nowSeconds = systemSeconds }: HubOrganizationsDeps = {},
): TargetOrganizations {
  const target = hubTarget(settings);
  const api = openHubApi({ origin: target.hub.url, timeoutMs: target.signIn.timeoutMs, nowSeconds });
  const tokens = openTokens((id) =>
    holdToken(() => requestToken(target, { api, id, nowSeconds }), {
      marginSeconds: MARGIN_SECONDS,
      nowSeconds,
    }),
  );
  const read = async <T>(id: string, ask: (authorization: string) => Promise<T>): Promise<T | undefined> => {
    if (!ID.test(id)) return undefined;
    try {
      return await askWith(tokens.of(id), ask);
    } catch (error) {
      if (error instanceof HubError && isGone(error)) return undefined;
      throw asFootbridgeError(error);
    }
  };
  return {
    organization: (id) => read(id, (authorization) => readOrganization(api, id, authorization)),
    members: (id) => read(id, (authorization) => readMembers(api, authorization)),
    close: () => api.close(),
  };
}

const ORGANIZATION = '/api/v1/organization';

async function readOrganization(api: HubApi, id: string, authorization: string) {
  const { document } = await api.ask({ method: 'GET', path: ORGANIZATION, authorization });
  const found = readDocument(organizationAnswer, document, `GET ${ORGANIZATION}`);
  if (found.id !== id) throw wrongBearer();
  return { targetOrganizationId: found.id, name: found.name };
}

const wrongBearer = () =>
  new HubError({ status: 200, reason: 'wrong_bearer', message: 'the hub answers about somebody else' });

/** A token may have been revoked meanwhile: then another is asked for, once. */
async function askWith<T>(token: HeldToken, ask: (authorization: string) => Promise<T>): Promise<T> {
  const authorization = await token.header();
  return ask(authorization).catch(async (error) => {
    if (!(error instanceof HubError) || (error.status !== 401 && error.status !== 403)) throw error;
    token.renew(authorization);
    return ask(await token.header());
  });
}

interface TokenDeps {
  readonly api: HubApi;
  readonly id: string;
  readonly nowSeconds: () => number;
}

/** RFC 6749 section 4.4, for one organization: its id stands in the scopes. */
async function requestToken({ hub, signIn, clientSecret }: HubTarget, { api, id, nowSeconds }: TokenDeps) {
  const scope = hub.organizationScopes.map((one) => `Org/${id}.${hub.scopeNames}.${one}`).join(',');
  const { document } = await api.ask({
    method: 'POST',
    path: '/oauth/access_token',
    authorization: basic(signIn.clientId, clientSecret),
    form: new URLSearchParams({ grant_type: 'client_credentials', scope }),
  });
  const answer = readDocument(tokenAnswer, document, 'POST /oauth/access_token');
  if (answer.bearer.type !== 'Organization' || answer.bearer.id !== id) throw wrongBearer();
  return { token: answer.access_token, seconds: secondsOf(answer, nowSeconds()) };
}

function openTokens(hold: (id: string) => HeldToken) {
  const held = new Map<string, HeldToken>();
  return {
    of(id: string): HeldToken {
      const token = held.get(id) ?? hold(id);
      held.delete(id);
      held.set(id, token);
      if (held.size > MAX_TOKENS) held.delete(held.keys().next().value!);
      return token;
    },
  };
}
