/** Whether the two reach one another, agree on the time, and may do what they have to. */
import { isIP } from 'node:net';
import { idpIdOf } from '../../../resources.ts';
import type { Check, Finding } from '../../../setup.ts';
import type { Context } from '../context.ts';
import { denialOf, isDenied } from '../denylist.ts';
import { documentOf, probe } from '../probe.ts';

/** Signatures are good for 300 s, tokens of a service user for less. */
const MAX_CLOCK_DIFFERENCE_MS = 60_000;
/** The first release with Actions V2 as they are set up here. */
const FIRST_VERSION = 4;

const ok = (sentence: string): Finding => ({ verdict: 'ok', sentence });

export const connectionChecks = (context: Context): Check[] => [
  { id: 'api', title: 'API and token', run: () => reaches(context) },
  { id: 'version', title: 'version', run: () => version(context) },
  { id: 'permissions', title: 'permissions', run: () => permissions(context) },
  { id: 'clock', title: 'clocks', run: () => clocks(context) },
  { id: 'issuer', title: 'our issuer', run: () => issuer(context) },
  { id: 'issuer-from-zitadel', title: 'our issuer, from ZITADEL', run: () => issuerFromThere(context) },
];

async function granted({ api }: Context): Promise<string[]> {
  type Answer = { result?: string[] };
  const { result = [] } = await api.call<Answer>('POST', '/auth/v1/permissions/zitadel/me/_search', {
    body: {},
  });
  return result;
}

async function reaches(context: Context): Promise<Finding> {
  await granted(context);
  return ok(`${context.target.api!.url} answers, and takes the token.`);
}

async function version({ api }: Context): Promise<Finding> {
  type Answer = { instance?: { version?: string } };
  const { instance } = await api.call<Answer>('GET', '/admin/v1/instances/me');
  const major = /^v?(\d+)\./.exec(instance?.version ?? '')?.[1];
  if (!major) return { verdict: 'unknown', sentence: 'ZITADEL does not tell its version.' };
  if (Number(major) >= FIRST_VERSION) return ok(`It is ${instance?.version}.`);
  const sentence = `It is ${instance?.version}; Actions V2 are called as here from version ${FIRST_VERSION}.`;
  return { verdict: 'wrong', sentence, todo: 'Update ZITADEL, or set setup.hooks to [].' };
}

/** What the calls of this setup and of moving people need, as ZITADEL's API names it. */
function neededOf({ target, deps: { isSynced = false } }: Context): string[] {
  const isInstance = target.setup.scope === 'instance';
  const own = isInstance ? ['iam.idp', 'iam.policy'] : ['org.idp', 'policy'];
  return [
    ...own.flatMap((what) => [`${what}.read`, `${what}.write`]),
    ...['read', 'write', 'delete'].map((verb) => `action.target.${verb}`),
    ...['read', 'write'].map((verb) => `action.execution.${verb}`),
    ...['read', 'write', 'delete'].map((verb) => `user.${verb}`),
    'events.read',
    ...(target.sessions.end || target.sessions.follow ? ['session.read'] : []),
    ...(target.sessions.end ? ['session.delete'] : []),
    ...(target.users.grants.length > 0 ? ['user.grant.read', 'user.grant.write', 'project.role.read'] : []),
    ...(target.users.grants.length > 0 && isSynced ? ['user.grant.delete'] : []),
    ...(target.setup.loginVersions.includes('v1')
      ? ['org.action.read', 'org.action.write', 'org.action.delete', 'org.flow.read', 'org.flow.write']
      : []),
  ];
}

async function permissions(context: Context): Promise<Finding> {
  // One that holds for a single thing is written with its id behind a colon.
  const may = new Set((await granted(context)).map((permission) => permission.split(':')[0]));
  const missing = neededOf(context).filter((permission) => !may.has(permission));
  if (missing.length === 0) return ok('The token may do everything that is needed.');
  return {
    verdict: 'wrong',
    sentence: `The token may not: ${missing.join(', ')}.`,
    todo: 'Make its user an administrator of the instance with the role IAM_OWNER while you set up; afterwards IAM_USER_MANAGER is enough to move people; sync needs events.read besides.',
  };
}

async function clocks({ target, deps }: Context): Promise<Finding> {
  const asked = now(deps);
  const { headers } = await probe(`${target.api!.url}/debug/healthz`);
  const told = Date.parse(String(headers.date));
  if (Number.isNaN(told)) return { verdict: 'unknown', sentence: 'ZITADEL’s answers have no Date.' };
  // The header has whole seconds, and the answer was under way.
  const seconds = Math.round((told - (asked + now(deps)) / 2) / 1000);
  if (Math.abs(seconds) * 1000 <= MAX_CLOCK_DIFFERENCE_MS)
    return ok(`The clocks are ${Math.abs(seconds)} s apart.`);
  const sentence = `ZITADEL’s clock is ${Math.abs(seconds)} s ${seconds > 0 ? 'ahead' : 'behind'}: signatures and tokens will be refused.`;
  return { verdict: 'wrong', sentence, todo: 'Let both machines follow a time server (NTP).' };
}

const now = ({ nowMs = Date.now }: Context['deps']) => nowMs();

async function issuer({ deps }: Context): Promise<Finding> {
  const url = new URL(deps.issuer);
  const isLoopback =
    url.hostname === 'localhost' || url.hostname.endsWith('.localhost') || isLoopbackAddress(url);
  if (url.protocol !== 'https:' && !isLoopback) {
    const sentence = `${deps.issuer} is not https: passwords and tokens would be readable on the way.`;
    return {
      verdict: 'wrong',
      sentence,
      todo: 'Put a proxy with TLS in front and set provider.issuer to it.',
    };
  }
  const discovery = documentOf(await probe(`${deps.issuer}/.well-known/openid-configuration`));
  if (discovery?.issuer === deps.issuer) return ok(`${deps.issuer} answers, and names itself so.`);
  const sentence = `${deps.issuer} answers, but ${discovery ? `calls itself ${String(discovery.issuer)}` : 'not as an OpenID provider'}.`;
  return {
    verdict: 'wrong',
    sentence,
    todo: 'Is something else in front of it? provider.issuer has to be its public origin.',
  };
}

const isLoopbackAddress = ({ hostname }: URL) =>
  hostname === '[::1]' || (isIP(hostname) === 4 && hostname.startsWith('127.'));

/** To start a login at us it has to read our discovery document. */
async function issuerFromThere(context: Context): Promise<Finding> {
  const { api, deps, target } = context;
  const idpId = await idpIdOf(deps.db, target);
  if (!idpId)
    return { verdict: 'unknown', sentence: 'It can be known once we are an identity provider there.' };
  const nowhere = 'https://footbridge.invalid/';
  const body = { idpId, urls: { successUrl: nowhere, failureUrl: nowhere } };
  try {
    const { authUrl } = await api.call<{ authUrl?: string }>('POST', '/v2/idp_intents', { body });
    if (authUrl && new URL(authUrl).origin === deps.issuer)
      return ok('ZITADEL has read our discovery document: it can start a login at us.');
    return {
      verdict: 'wrong',
      sentence: 'ZITADEL would send people elsewhere than to us.',
      todo: 'Run target setup.',
    };
  } catch (error) {
    if (isDenied(error)) return { verdict: 'wrong', ...denialOf(context) };
    const todo =
      'From the machine that ZITADEL runs on, fetch the discovery document of provider.issuer: is it the name, the certificate, or the deny-list?';
    return {
      verdict: 'wrong',
      sentence: `ZITADEL cannot start a login at us: ${(error as Error).message}`,
      todo,
    };
  }
}
