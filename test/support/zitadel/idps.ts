/** Identity providers, of the instance (`admin`) and of an organization (`management`), and the login policy's list. */

import { AdminService } from '@zitadel/proto/zitadel/admin_pb.js';
import type { GetIDPByIDResponseJson } from '@zitadel/proto/zitadel/idp/v2/idp_service_pb.js';
import { IdentityProviderService } from '@zitadel/proto/zitadel/idp/v2/idp_service_pb.js';
import type { ProviderJson } from '@zitadel/proto/zitadel/idp_pb.js';
import { ManagementService } from '@zitadel/proto/zitadel/management_pb.js';
import { alreadyExists, invalid, notFound } from './errors.ts';
import type { Call } from './handlers.ts';
import { handle } from './handlers.ts';
import type { Idp, Instance } from './instance.ts';
import { matchesText, page, v1Details } from './user-answers.ts';

type Options = Partial<Idp['options']>;
interface Given {
  readonly id?: string;
  readonly name?: string;
  readonly issuer?: string;
  readonly providerOptions?: Options;
  readonly [setting: string]: unknown;
}
type Owner = (call: Call) => string | undefined;

const ofInstance: Owner = () => undefined;
const ofOrganization: Owner = ({ organization }) => organization;

const NO_OPTIONS: Idp['options'] = {
  isLinkingAllowed: false,
  isCreationAllowed: false,
  isAutoCreation: false,
  isAutoUpdate: false,
  autoLinking: 'AUTO_LINKING_OPTION_UNSPECIFIED',
};

function add(call: Call, [kind, given, owner]: [Idp['kind'], Given, Owner]) {
  const { instance } = call;
  const { name = '', issuer = '', providerOptions, ...settings } = given;
  const organization = owner(call);
  if (!issuer.trim()) throw invalid('INST-Hsj4g', 'Errors.Invalid.Argument');
  // Without a name it is called by its host.
  const idp: Idp = {
    id: instance.newId(),
    kind,
    ...(organization && { organization }),
    isActive: true,
    name: name || new URL(issuer).host,
    issuer,
    settings,
    options: { ...NO_OPTIONS, ...providerOptions },
  };
  instance.idps.set(idp.id, idp);
  instance.push(
    {
      type: `${scope(idp)}.idp.${kind === 'jwt' ? 'jwt' : 'oidc'}.added`,
      aggregate: aggregateOf(instance, idp),
      payload: { id: idp.id, name: idp.name, issuer },
    },
    call.actor,
  );
  return { id: idp.id, details: instance.detailsHere(organization) };
}

const scope = ({ organization }: Idp) => (organization ? 'org' : 'instance');
const aggregateOf = (instance: Instance, { organization }: Idp) => ({
  type: organization ? 'org' : 'instance',
  id: organization ?? instance.id,
  resourceOwner: organization ?? instance.id,
});

/** A provider of another owner is nobody's. */
function byId(call: Call, id: string | undefined, owner: Owner): Idp {
  const idp = call.instance.idps.get(id ?? '');
  if (!idp || idp.organization !== owner(call)) throw notFound('QUERY-SAFrt', 'Errors.IDPConfig.NotExisting');
  return idp;
}

/** All but the secret is replaced by what is given: what is left out becomes empty. */
function update(call: Call, [given, owner]: [Given, Owner]) {
  const { id, name = '', issuer = '', providerOptions, clientSecret, ...settings } = given;
  const idp = byId(call, id, owner);
  const secret = clientSecret ?? idp.settings.clientSecret;
  for (const key of Object.keys(idp.settings)) delete idp.settings[key];
  Object.assign(idp.settings, settings, secret ? { clientSecret: secret } : {});
  Object.assign(idp, { name, issuer, options: { ...NO_OPTIONS, ...providerOptions } });
  call.instance.push(
    {
      type: `${scope(idp)}.idp.${idp.kind}.changed`,
      aggregate: aggregateOf(call.instance, idp),
      payload: { id: idp.id },
    },
    call.actor,
  );
  return { details: call.instance.detailsHere(owner(call)) };
}

/** Takes it out of the login policies and away from everybody who is linked to it. */
function remove(call: Call, [id, owner]: [string | undefined, Owner]) {
  const { instance, actor } = call;
  const idp = byId(call, id, owner);
  instance.idps.delete(idp.id);
  instance.loginIdps.delete(idp.id);
  for (const { loginIdps } of instance.organizationLogins.values()) loginIdps.delete(idp.id);
  for (const user of instance.users.values()) {
    for (const link of user.links.filter(({ idpId }) => idpId === idp.id))
      instance.userEvent(
        user,
        ['user.human.externalidp.cascade.removed', { idpConfigId: idp.id, userId: link.userId }],
        actor,
      );
    user.links = user.links.filter(({ idpId }) => idpId !== idp.id);
  }
  instance.push(
    { type: `${scope(idp)}.idp.removed`, aggregate: aggregateOf(instance, idp), payload: { id: idp.id } },
    actor,
  );
  return { details: instance.detailsHere(owner(call)) };
}

function shown(instance: Instance, idp: Idp): ProviderJson {
  const { clientSecret: _kept, ...settings } = idp.settings;
  const config = { issuer: idp.issuer, ...settings };
  return {
    id: idp.id,
    details: instance.detailsHere(idp.organization),
    state: idp.isActive ? 'IDP_STATE_ACTIVE' : 'IDP_STATE_INACTIVE',
    name: idp.name,
    owner: idp.organization ? 'IDP_OWNER_TYPE_ORG' : 'IDP_OWNER_TYPE_SYSTEM',
    type: idp.kind === 'oidc' ? 'PROVIDER_TYPE_OIDC' : 'PROVIDER_TYPE_JWT',
    config: { options: idp.options, [idp.kind]: config },
  };
}

interface ProviderQuery {
  readonly idpIdQuery?: { readonly id?: string };
  readonly idpNameQuery?: { readonly name?: string; readonly method?: Parameters<typeof matchesText>[2] };
  readonly ownerTypeQuery?: { readonly ownerType?: string };
}

function list(call: Call, [request, owner]: [{ query?: object; queries?: readonly ProviderQuery[] }, Owner]) {
  const { instance } = call;
  const own = owner(call);
  // An organization sees the instance's as well.
  const mine = [...instance.idps.values()].filter(
    ({ organization }) => organization === own || (own && !organization),
  );
  const all = mine.filter((idp) =>
    (request.queries ?? []).every(({ idpIdQuery, idpNameQuery, ownerTypeQuery }) =>
      idpIdQuery
        ? idp.id === idpIdQuery.id
        : idpNameQuery
          ? matchesText(idp.name, idpNameQuery.name ?? '', idpNameQuery.method)
          : !ownerTypeQuery?.ownerType || shown(instance, idp).owner === ownerTypeQuery.ownerType,
    ),
  );
  const result = page(all, request.query).map((idp) => shown(instance, idp));
  return { details: v1Details(instance, all.length), result };
}

/** Where the identity providers of a login are listed: in the instance's policy, or in an organization's own. */
function loginIdps(call: Call, owner: Owner): Set<string> {
  const organization = owner(call);
  if (!organization) return call.instance.loginIdps;
  const own = call.instance.organizationLogins.get(organization);
  if (!own) throw notFound('Org-Ffgw2', 'Errors.Org.LoginPolicy.NotFound');
  return own.loginIdps;
}

function addToLogin(call: Call, [id = '', owner]: [string | undefined, Owner]) {
  const { instance } = call;
  if (!instance.idps.has(id)) throw notFound('INSTANCE-m8fsd', 'Errors.IDPConfig.NotExisting');
  const idps = loginIdps(call, owner);
  if (idps.has(id)) throw alreadyExists('INSTANCE-2B0ps', 'Errors.IAM.LoginPolicy.IDP.AlreadyExists');
  idps.add(id);
  return { details: instance.detailsHere(owner(call)) };
}

function removeFromLogin(call: Call, [id = '', owner]: [string | undefined, Owner]) {
  if (!loginIdps(call, owner).delete(id))
    throw notFound('INSTANCE-39fjs', 'Errors.IAM.LoginPolicy.IDP.NotExisting');
  return { details: call.instance.detailsHere(owner(call)) };
}

function listLogin(call: Call, owner: Owner) {
  const { instance } = call;
  const organization = owner(call);
  const ids = instance.loginIdpsOf(organization);
  const result = [...ids].map((idpId) => ({
    idpId,
    idpName: instance.idps.get(idpId)?.name ?? '',
    idpType:
      instance.idps.get(idpId)?.kind === 'jwt' ? ('IDP_TYPE_JWT' as const) : ('IDP_TYPE_OIDC' as const),
  }));
  return { details: v1Details(instance, result.length), result };
}

/** The two services have the same methods; their messages differ in name only. */
const methods = (owner: Owner) => ({
  addGenericOIDCProvider: (given: Given, call: Call) => add(call, ['oidc', given, owner]),
  updateGenericOIDCProvider: (given: Given, call: Call) => update(call, [given, owner]),
  addJWTProvider: (given: Given, call: Call) => add(call, ['jwt', given, owner]),
  updateJWTProvider: (given: Given, call: Call) => update(call, [given, owner]),
  getProviderByID: ({ id }: Given, call: Call) => ({ idp: shown(call.instance, byId(call, id, owner)) }),
  listProviders: (request: { query?: object; queries?: ProviderQuery[] }, call: Call) =>
    list(call, [request, owner]),
  deleteProvider: ({ id }: Given, call: Call) => remove(call, [id, owner]),
  addIDPToLoginPolicy: ({ idpId }: { idpId?: string }, call: Call) => addToLogin(call, [idpId, owner]),
  removeIDPFromLoginPolicy: ({ idpId }: { idpId?: string }, call: Call) =>
    removeFromLogin(call, [idpId, owner]),
  listLoginPolicyIDPs: (_request: object, call: Call) => listLogin(call, owner),
});

export const idpHandlers = [
  ...handle(AdminService, methods(ofInstance)),
  ...handle(ManagementService, methods(ofOrganization)),
  ...handle(IdentityProviderService, {
    getIDPByID({ id = '' }, { instance }): GetIDPByIDResponseJson {
      const idp = instance.idps.get(id);
      if (!idp) throw notFound('QUERY-SAFrt', 'Errors.IDPConfig.NotExisting');
      // This message does not tell about PKCE.
      const { clientSecret: _kept, usePkce: _unsaid, ...settings } = idp.settings;
      return {
        idp: {
          id,
          details: instance.detailsHere(idp.organization),
          state: idp.isActive ? 'IDP_STATE_ACTIVE' : 'IDP_STATE_INACTIVE',
          name: idp.name,
          type: idp.kind === 'oidc' ? 'IDP_TYPE_OIDC' : 'IDP_TYPE_JWT',
          config: { options: idp.options, [idp.kind]: { issuer: idp.issuer, ...settings } },
        },
      };
    },
  }),
];
