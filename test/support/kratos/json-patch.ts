/** JSON Patch (RFC 6902) as Kratos applies it: `replace` makes what is not there, and some paths are denied. */
import { Refused } from './errors.ts';

export interface Operation {
  readonly op: string;
  readonly path: string;
  readonly value?: unknown;
}

const DENIED = /^\/(?:id|stateChangedAt|credentials(?:\/(?:oidc|saml)(?:\/.*)?)?)$/i;

/** Throws Refused. */
export function patched<T extends object>(document: T, operations: readonly Operation[]): T {
  const result = structuredClone(document) as Record<string, unknown>;
  for (const { op, path, value } of operations) {
    if (DENIED.test(path)) throw failed(`patch includes denied path: ${path}`);
    const names = path.split('/').slice(1).map(unescaped);
    const last = names.pop();
    if (last === undefined) throw failed(`unsupported operation: ${op}`);
    if (op !== 'add' && op !== 'replace' && op !== 'remove') throw failed(`unsupported operation: ${op}`);
    const parent = parentOf(result, names, op !== 'remove');
    if (op !== 'remove') parent[last] = value;
    else if (!Object.hasOwn(parent, last)) throw failed(`error in remove for path: '${path}'`);
    else delete parent[last];
  }
  return result as T;
}

function parentOf(
  root: Record<string, unknown>,
  names: readonly string[],
  isMade: boolean,
): Record<string, unknown> {
  return names.reduce((at, name) => {
    if (isMade && (at[name] === undefined || at[name] === null)) at[name] = {};
    const next = at[name];
    if (typeof next !== 'object' || next === null) throw failed('missing value');
    return next as Record<string, unknown>;
  }, root);
}

const unescaped = (name: string) => name.replaceAll('~1', '/').replaceAll('~0', '~');
const failed = (message: string) =>
  new Refused(400, { reason: 'An error occured when applying the JSON patch', message });
