/** What every part of the setup at ZITADEL works with. */
import type { Resource, ResourceId } from '../../resources.ts';
import { announceResource, forgetResource, recordResource, resourcesOf } from '../../resources.ts';
import type { SetupDeps } from '../../setup.ts';
import type { Target } from '../../target.ts';
import type { CallOptions, ZitadelApi } from '../api.ts';
import { isNotFound } from '../outcomes.ts';

export interface Context {
  readonly api: ZitadelApi;
  readonly target: Target;
  readonly deps: SetupDeps;
}

type Name = Pick<ResourceId, 'kind' | 'name'>;
export type Recorded = Resource | undefined;

export async function recordOf({ deps, target }: Context, { kind, name }: Name): Promise<Recorded> {
  const all = await resourcesOf(deps.db, target.name);
  return all.find((one) => one.kind === kind && one.name === name);
}

export const announce = ({ deps, target }: Context, id: Name) =>
  announceResource(deps.db, { ...id, target: target.name });

export const forget = ({ deps, target }: Context, id: Name) =>
  forgetResource(deps.db, { ...id, target: target.name });

export const record = (
  { deps, target }: Context,
  made: Omit<Parameters<typeof recordResource>[2], 'target'>,
) => recordResource(deps.db, deps.keyring, { ...made, target: target.name });

/** The API where we become an identity provider: the instance's, or one organization's. */
export function scoped({ api, target }: Context) {
  const isInstance = target.setup.scope === 'instance';
  const base = isInstance ? '/admin/v1' : '/management/v1';
  const { organization } = target.users;
  const here: CallOptions = isInstance || organization === undefined ? {} : { organization };
  return {
    isInstance,
    base,
    organization: here.organization,
    call: <T>(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: object) =>
      api.call<T>(method, `${base}${path}`, { ...here, ...(body && { body }) }),
  };
}

/** What it answers, or undefined where there is no such thing. */
export async function orGone<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** How two things differ, by name: `name: wanted … is …`. A field that ZITADEL leaves out is its type's zero. */
export function differencesOf(
  wanted: Readonly<Record<string, unknown>>,
  is: Readonly<Record<string, unknown>>,
) {
  return Object.entries(wanted).flatMap(([name, value]) => {
    const there = is[name] ?? zeroOf(value);
    return text(value) === text(there) ? [] : [`${name} is ${text(there)} and has to be ${text(value)}`];
  });
}

const zeroOf = (value: unknown) =>
  value === false || value === true ? false : Array.isArray(value) ? [] : '';
const text = (value: unknown): string =>
  JSON.stringify(Array.isArray(value) ? [...value].map(String).sort() : value);

/** Ours, whoever looks at ZITADEL's console. */
export const nameOf = ({ target }: Context, what: string): string => `footbridge-${target.name}-${what}`;

/** Where ZITADEL calls our hook. */
export const endpointOf = ({ deps, target }: Context, hook: string): string =>
  `${deps.issuer}/hooks/${target.kind}/${target.name}/${hook}`;
