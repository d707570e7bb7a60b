/** The steps that put us on ZITADEL's login page. */
import type { Resource } from '../../resources.ts';
import type { Present, Step, Undoing } from '../../setup.ts';
import { searchAll } from '../pages.ts';
import type { Context } from './context.ts';
import { announce, orGone, record, recordOf, scoped } from './context.ts';

type Policy = Readonly<Record<string, unknown>> & {
  readonly isDefault?: boolean;
  readonly idps?: readonly { readonly idpId: string }[];
};

/** What of a policy can be said when an organization gets one of its own. */
const COPIED = [
  'allowUsernamePassword',
  'allowRegister',
  'allowExternalIdp',
  'forceMfa',
  'forceMfaLocalOnly',
  'passwordlessType',
  'hidePasswordReset',
  'ignoreUnknownUsernames',
  'defaultRedirectUri',
  'passwordCheckLifetime',
  'externalLoginCheckLifetime',
  'mfaInitSkipLifetime',
  'secondFactorCheckLifetime',
  'multiFactorCheckLifetime',
  'secondFactors',
  'multiFactors',
  'allowDomainDiscovery',
  'disableLoginWithEmail',
  'disableLoginWithPhone',
] as const;

const copyOf = (policy: Policy) =>
  Object.fromEntries(COPIED.flatMap((name) => (policy[name] === undefined ? [] : [[name, policy[name]]])));

export async function policyOf(context: Context): Promise<Policy> {
  const { call } = scoped(context);
  const { policy, isDefault } = await call<{ policy: Policy; isDefault?: boolean }>('GET', '/policies/login');
  return { ...policy, isDefault: isDefault ?? policy.isDefault ?? false };
}

export function policySteps(context: Context): Step[] {
  const names: ('oidc' | 'jwt')[] = context.target.setup.jwtIdentityProvider ? ['oidc', 'jwt'] : ['oidc'];
  const own = scoped(context).isInstance ? [] : [ownPolicyStep(context)];
  return [...own, ...names.map((name) => linkStep(context, name))];
}

function ownPolicyStep(context: Context): Step {
  const id = { kind: 'login-policy' as const, name: 'own' };
  return {
    id: 'login-policy:own',
    what: 'The organization has a login policy of its own, a copy of the instance’s.',
    why: 'Only a policy of its own can name an identity provider of the organization. From now on, what changes in the instance’s policy no longer reaches this organization.',
    look: async () => ({ state: (await policyOf(context)).isDefault ? 'missing' : 'same' }),
    async apply() {
      const policy = await policyOf(context);
      await announce(context, id);
      const idps = (policy.idps ?? []).map(({ idpId }) => ({ idpId, ownerType: 'IDP_OWNER_TYPE_SYSTEM' }));
      await scoped(context).call('POST', '/policies/login', { ...copyOf(policy), idps });
      await record(context, { ...id, remoteId: 'own' });
    },
  };
}

function linkStep(context: Context, name: 'oidc' | 'jwt'): Step {
  const id = { kind: 'login-policy' as const, name };
  const isLinked = async (idpId: string) =>
    (await linkedProviders(context)).some((linked) => linked.idpId === idpId);
  return {
    id: `login-policy:${name}`,
    what: `The login page offers the provider ${name === 'jwt' ? 'for tokens' : 'that we are'}.`,
    why: 'A provider that no login policy names cannot be used.',
    needs: scoped(context).isInstance ? [`idp:${name}`] : [`idp:${name}`, 'login-policy:own'],
    async look(): Promise<Present> {
      const idp = await recordOf(context, { kind: 'idp', name });
      return { state: idp?.remoteId && (await isLinked(idp.remoteId)) ? 'same' : 'missing' };
    },
    async apply() {
      const idp = await recordOf(context, { kind: 'idp', name });
      if (!idp?.remoteId) throw new Error('there is no provider yet');
      await announce(context, id);
      const { call, isInstance } = scoped(context);
      const owner = isInstance ? {} : { ownerType: 'IDP_OWNER_TYPE_ORG' };
      if (!(await isLinked(idp.remoteId)))
        await call('POST', '/policies/login/idps', { idpId: idp.remoteId, ...owner });
      await record(context, { ...id, remoteId: idp.remoteId });
    },
  };
}

function linkedProviders(context: Context): Promise<{ readonly idpId: string }[]> {
  const { base, organization } = scoped(context);
  return searchAll(context.api, `${base}/policies/login/idps/_search`, {
    ...(organization !== undefined && { organization }),
  });
}

export function undoPolicy(context: Context, { name, remoteId }: Resource): Undoing {
  if (name === 'own') return undoOwnPolicy(context);
  return {
    id: `login-policy:${name}`,
    what: 'The login page no longer offers us.',
    async undo() {
      const idpId = remoteId ?? (await recordOf(context, { kind: 'idp', name: name as 'oidc' }))?.remoteId;
      if (idpId === undefined) return;
      await orGone(scoped(context).call('DELETE', `/policies/login/idps/${encodeURIComponent(idpId)}`));
    },
  };
}

function undoOwnPolicy(context: Context): Undoing {
  const { call, organization } = scoped(context);
  return {
    id: 'login-policy:own',
    what: 'The organization’s own login policy, our copy, gives way to the instance’s.',
    async undo() {
      const own = await policyOf(context);
      if (own.isDefault) return;
      const instances = await context.api.call<{ policy: Policy }>(
        'GET',
        '/management/v1/policies/default/login',
        {
          ...(organization !== undefined && { organization }),
        },
      );
      const providers = (policy: Policy) => (policy.idps ?? []).map(({ idpId }) => idpId).sort();
      const isAsCopied =
        JSON.stringify([copyOf(own), providers(own)]) ===
        JSON.stringify([copyOf(instances.policy), providers(instances.policy)]);
      if (!isAsCopied)
        throw new Error(
          'the organization’s login policy is not what we made: look at it, and reset it by hand',
        );
      await call('DELETE', '/policies/login');
    },
  };
}
