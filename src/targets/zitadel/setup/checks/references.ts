/** Whether what the settings name is there. */
import { ourIdpOf } from '../../../resources.ts';
import type { Check, Finding } from '../../../setup.ts';
import { ZitadelError } from '../../api.ts';
import { searchAll } from '../../pages.ts';
import type { Context } from '../context.ts';
import { orGone } from '../context.ts';

const ok = (sentence: string): Finding => ({ verdict: 'ok', sentence });

export const referenceChecks = (context: Context): Check[] => [
  { id: 'client', title: 'our client', run: async () => client(context) },
  { id: 'organizations', title: 'organizations', run: () => organizations(context) },
  { id: 'identity-providers', title: 'identity providers', run: () => identityProviders(context) },
  { id: 'grants', title: 'projects and roles', run: () => grants(context) },
];

function client({ deps, target }: Context): Finding {
  const { client: ours } = deps;
  const fail = (sentence: string, todo: string): Finding => ({ verdict: 'wrong', sentence, todo });
  if (!ours)
    return fail(
      'No client of ours belongs to this target.',
      `Name one in clientIds of the target ${target.name}.`,
    );
  if (!ours.grantTypes.includes('authorization_code'))
    return fail(
      `The client ${ours.clientId} may not log people in.`,
      'Add authorization_code to its grantTypes.',
    );
  if (!ours.secret || ours.authMethod === 'private_key_jwt')
    return fail(
      `ZITADEL authenticates with a secret, and the client ${ours.clientId} has none.`,
      'Give it a secret and authMethod client_secret_basic.',
    );
  return ok(`The client ${ours.clientId} can be ZITADEL’s.`);
}

async function organizations({ api, target }: Context): Promise<Finding> {
  const { organization, organizations: rules } = target.users;
  const named = [...new Set([organization, ...rules.map((rule) => rule.organization)])];
  const ids = named.filter((id) => id !== undefined);
  if (ids.length === 0) return ok('The settings name none: people go into the default one.');
  const missing: string[] = [];
  for (const id of ids) {
    const queries = [{ idQuery: { id } }];
    if ((await searchAll(api, '/v2/organizations/_search', { body: { queries } })).length === 0)
      missing.push(id);
  }
  return known(missing, {
    all: ids.length,
    what: 'organizations',
    setting: 'users.organization and users.organizations',
  });
}

async function identityProviders({ api, deps, target }: Context): Promise<Finding> {
  const ours = await ourIdpOf(deps.db, target.name);
  const named = Object.entries(target.users.identityProviders);
  const own = target.api?.identityProvider;
  const ids = [...new Set([...named.map(([, id]) => id), ...(own === undefined ? [] : [own])])];
  if (ids.length === 0) return ok('The settings name none.');
  const missing: string[] = [];
  for (const id of ids)
    if (!(await orGone(api.call('GET', `/v2/idps/${encodeURIComponent(id)}`)))) missing.push(id);
  if (ours && named.some(([, id]) => id === ours))
    return {
      verdict: 'wrong',
      sentence: 'users.identityProviders names us ourselves.',
      todo: 'It is for further providers; people are linked to us anyway.',
    };
  return known(missing, { all: ids.length, what: 'identity providers', setting: 'users.identityProviders' });
}

async function grants(context: Context): Promise<Finding> {
  const { grants: rules, organization } = context.target.users;
  if (rules.length === 0) return ok('The settings name none.');
  const missing: string[] = [];
  for (const project of new Set(rules.map((rule) => rule.project))) {
    const there = await rolesOf(context, project, organization);
    if (!there) missing.push(project);
    const roles = rules
      .filter((rule) => rule.project === project && !rule.projectGrant)
      .flatMap((rule) => rule.roles);
    for (const role of new Set(roles)) if (there && !there.includes(role)) missing.push(`${project}/${role}`);
  }
  return known(missing, { all: rules.length, what: 'projects and roles', setting: 'users.grants' });
}

/** Undefined where there is no such project, or not for us. */
async function rolesOf({ api }: Context, project: string, organization: string | undefined) {
  const there = organization === undefined ? {} : { organization };
  const id = encodeURIComponent(project);
  try {
    await api.call('GET', `/management/v1/projects/${id}`, there);
    type Role = { key?: string };
    const roles = await searchAll<Role>(api, `/management/v1/projects/${id}/roles/_search`, there);
    return roles.map(({ key }) => key ?? '');
  } catch (error) {
    if (error instanceof ZitadelError && (error.status === 404 || error.status === 403)) return undefined;
    throw error;
  }
}

function known(
  missing: readonly string[],
  { all, what, setting }: { readonly all: number; readonly what: string; readonly setting: string },
): Finding {
  if (missing.length === 0) return ok(`All ${all} of the settings are there.`);
  const sentence = `ZITADEL does not know these ${what}: ${missing.join(', ')}.`;
  return { verdict: 'wrong', sentence, todo: `Correct ${setting}, or make them there.` };
}
