/** Policies, under the names of three services: `settings/v2` reads them, `admin` and `management` change them as well. */
import { AdminService } from '@zitadel/proto/zitadel/admin_pb.js';
import { ManagementService } from '@zitadel/proto/zitadel/management_pb.js';
import type { RequestContextJson } from '@zitadel/proto/zitadel/object/v2/object_pb.js';
import type { LoginPolicyJson } from '@zitadel/proto/zitadel/policy_pb.js';
import { SettingsService } from '@zitadel/proto/zitadel/settings/v2/settings_service_pb.js';
import { alreadyExists, notFound } from './errors.ts';
import type { Call } from './handlers.ts';
import { handle } from './handlers.ts';
import type { Instance } from './instance.ts';
import type { Policies } from './policies.ts';
import { DEFAULT_POLICIES } from './policies.ts';
import { listDetails } from './user-answers.ts';
import { organizationOf } from './users-v2.ts';

const inContext = ({ instance, organization }: Call, ctx?: RequestContextJson): Policies =>
  ctx?.instance ? instance.policies : instance.policiesOf(ctx?.orgId ?? organization);

export const settingsHandlers = [
  ...handle(SettingsService, {
    getLoginSettings({ ctx }, call) {
      const { login } = inContext(call, ctx);
      return {
        details: call.instance.detailsHere(),
        settings: { ...login, passwordCheckLifetime: '864000s' },
      };
    },
    getLockoutSettings({ ctx }, call) {
      const { maxPasswordAttempts, maxOtpAttempts } = inContext(call, ctx).lockout;
      const settings = {
        maxPasswordAttempts: String(maxPasswordAttempts),
        maxOtpAttempts: String(maxOtpAttempts),
      };
      return { details: call.instance.detailsHere(), settings };
    },
    getPasswordComplexitySettings({ ctx }, call) {
      const { complexity } = inContext(call, ctx);
      const settings = {
        minLength: String(complexity.minLength),
        requiresUppercase: complexity.hasUppercase,
        requiresLowercase: complexity.hasLowercase,
        requiresNumber: complexity.hasNumber,
        requiresSymbol: complexity.hasSymbol,
      };
      return { details: call.instance.detailsHere(), settings };
    },
    getDomainSettings({ ctx }, call) {
      const { userLoginMustBeDomain } = inContext(call, ctx).domain;
      return {
        details: call.instance.detailsHere(),
        settings: { loginNameIncludesDomain: userLoginMustBeDomain },
      };
    },
    getGeneralSettings(_request, { instance }) {
      const [first] = instance.organizations.keys();
      return { defaultOrgId: first ?? '', defaultLanguage: 'en', supportedLanguages: ['en', 'de'] };
    },
    getActiveIdentityProviders({ ctx, linkingAllowed, creationAllowed }, { instance, organization }) {
      const identityProviders = [...instance.loginIdpsOf(ctx?.orgId ?? organization)].flatMap((id) => {
        const idp = instance.idps.get(id);
        if (!idp?.isActive) return [];
        if (linkingAllowed && !idp.options.isLinkingAllowed) return [];
        if (creationAllowed && !idp.options.isCreationAllowed) return [];
        const type =
          idp.kind === 'jwt'
            ? ('IDENTITY_PROVIDER_TYPE_JWT' as const)
            : ('IDENTITY_PROVIDER_TYPE_OIDC' as const);
        return [{ id, name: idp.name, type, options: idp.options }];
      });
      return { details: listDetails(instance, identityProviders.length), identityProviders };
    },
  }),
  ...handle(AdminService, {
    getLoginPolicy: (_request, { instance }) => ({
      policy: shownLogin(instance, [instance.policies, instance.loginIdps, true]),
    }),
    updateLoginPolicy(given, { instance }) {
      instance.policies.login = loginOf(given);
      return { details: instance.detailsHere() };
    },
    getLockoutPolicy: (_request, { instance }) => ({ policy: lockoutOf(instance.policies) }),
    updateLockoutPolicy({ maxPasswordAttempts = 0, maxOtpAttempts = 0 }, { instance }) {
      instance.policies.lockout = { maxPasswordAttempts, maxOtpAttempts };
      return { details: instance.detailsHere() };
    },
    getPasswordComplexityPolicy: (_request, { instance }) => ({ policy: complexityOf(instance.policies) }),
    updatePasswordComplexityPolicy(given, { instance }) {
      const nothing = {
        minLength: 0,
        hasUppercase: false,
        hasLowercase: false,
        hasNumber: false,
        hasSymbol: false,
      };
      instance.policies.complexity = { ...nothing, ...given };
      return { details: instance.detailsHere() };
    },
    getDomainPolicy: (_request, { instance }) => ({
      policy: { ...instance.policies.domain, isDefault: true },
    }),
    updateDomainPolicy({ userLoginMustBeDomain = false }, { instance }) {
      instance.policies.domain = { userLoginMustBeDomain };
      instance.catchUp();
      return { details: instance.detailsHere() };
    },
  }),
  ...handle(ManagementService, {
    getLoginPolicy(_request, { instance, organization }) {
      const isDefault = !instance.organizationLogins.has(organization);
      const idps = instance.loginIdpsOf(organization);
      return {
        policy: shownLogin(instance, [instance.policiesOf(organization), idps, isDefault]),
        isDefault,
      };
    },
    getDefaultLoginPolicy: (_request, { instance }) => ({
      policy: shownLogin(instance, [instance.policies, instance.loginIdps, true]),
    }),
    addCustomLoginPolicy({ idps = [], ...given }, { instance, organization }) {
      if (instance.organizationLogins.has(organization))
        throw alreadyExists('Org-5N9ds', 'Errors.Org.LoginPolicy.AlreadyExists');
      organizationOf(instance, organization).policies.login = loginOf(given);
      instance.organizationLogins.set(organization, {
        loginIdps: new Set(idps.map(({ idpId = '' }) => idpId)),
      });
      return { details: instance.detailsHere(organization) };
    },
    updateCustomLoginPolicy(given, { instance, organization }) {
      if (!instance.organizationLogins.has(organization))
        throw notFound('Org-M0sif', 'Errors.Org.LoginPolicy.NotFound');
      organizationOf(instance, organization).policies.login = loginOf(given);
      return { details: instance.detailsHere(organization) };
    },
    resetLoginPolicyToDefault(_request, { instance, organization }) {
      if (!instance.organizationLogins.delete(organization))
        throw notFound('Org-GHB37', 'Errors.Org.LoginPolicy.NotFound');
      delete organizationOf(instance, organization).policies.login;
      return { details: instance.detailsHere(organization) };
    },
    getLockoutPolicy: (_request, { instance, organization }) => ({
      policy: lockoutOf(instance.policiesOf(organization)),
    }),
    getPasswordComplexityPolicy: (_request, { instance, organization }) => ({
      policy: complexityOf(instance.policiesOf(organization)),
    }),
    getDomainPolicy: (_request, { instance, organization }) => ({
      policy: instance.policiesOf(organization).domain,
    }),
  }),
];

/** All of it is replaced: what is left out is off. */
function loginOf(given: Partial<Policies['login']>): Policies['login'] {
  const names = Object.keys(DEFAULT_POLICIES.login) as (keyof Policies['login'])[];
  return Object.fromEntries(
    names.map((name) => [name, given[name] ?? false]),
  ) as unknown as Policies['login'];
}

function shownLogin(
  instance: Instance,
  [{ login }, ids, isDefault]: [Policies, ReadonlySet<string>, boolean],
): LoginPolicyJson {
  const idps = [...ids].map((idpId) => ({ idpId, idpName: instance.idps.get(idpId)?.name ?? '' }));
  return { ...login, isDefault, idps, passwordCheckLifetime: '864000s' };
}

const lockoutOf = ({ lockout }: Policies) => ({
  maxPasswordAttempts: String(lockout.maxPasswordAttempts),
  maxOtpAttempts: String(lockout.maxOtpAttempts),
});
const complexityOf = ({ complexity }: Policies) => ({
  ...complexity,
  minLength: String(complexity.minLength),
});
