/** Scopes as the hub reads them: a list with commas of `[bearer.]app.name.permission`, all for one bearer. */
import type { HubApp } from './apps.ts';

export class ScopeError extends Error {}

const SCOPE =
  /^(?:(Per>Org|Org|Per)(?:\/([a-z0-9-]+))?\.)?([a-z][a-z0-9_]{2,})\.([a-z][a-z_]{2,}\.(?:rw|r|w))$/;
const APPS = ['zaikio', 'directory'];

/** What each is for; one that is not here does not exist. */
const BEARERS: Readonly<Record<string, readonly string[]>> = {
  person: ['Person'],
  organizations: ['Person'],
  organization: ['Organization'],
  organization_members: ['Organization'],
  machines: ['Person', 'Organization'],
};

export interface Wanted {
  readonly bearerType: 'Person' | 'Organization';
  readonly bearerId: string | undefined;
  readonly isOnBehalf: boolean;
  /** Without the bearer. Those that do not exist, or are not for this bearer, are left out without a word. */
  readonly scopes: readonly string[];
}

/** Throws ScopeError with the hub's identifier of the error. */
export function readScopes(text: string, app: HubApp): Wanted {
  const read = text.split(',').map((one) => {
    const [, bearer = 'Per', id, of, scope] = SCOPE.exec(one) ?? [];
    if (!of || !scope) throw new ScopeError('malformed_scope');
    return { bearer, id, of, scope };
  });
  if (new Set(read.map(({ bearer }) => bearer)).size > 1) throw new ScopeError('different_bearer_types');
  if (new Set(read.map(({ id }) => id)).size > 1) throw new ScopeError('different_bearer_ids');
  if (read.some(({ of, scope }) => !APPS.includes(of) || !app.desiredScopes.includes(scope)))
    throw new ScopeError('scope_is_not_included_in_desired_scopes');
  const { bearer, id } = read[0]!;
  const bearerType = bearer === 'Per' ? 'Person' : 'Organization';
  const scopes = read
    .filter(({ scope }) => BEARERS[scope.split('.')[0]!]?.includes(bearerType))
    .map(({ of, scope }) => `${of}.${scope}`);
  return { bearerType, bearerId: id, isOnBehalf: bearer === 'Per>Org', scopes };
}

/** `person.rw` allows `person.r`; the two beginnings are one. */
export function allows(granted: Iterable<string>, wanted: string): boolean {
  const [name, permission] = wanted.split('.') as [string, string];
  return [...granted].some((one) => {
    const [, itsName, its] = one.split('.');
    return itsName === name && (its === permission || its === 'rw');
  });
}
