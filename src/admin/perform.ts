/** Doing an operation, whichever face it was asked at: the role is checked here, and the second pair of eyes. */
import type { z } from 'zod';
import { FootbridgeError } from '../errors.ts';
import type { Desk, Operation, Role, RunOptions } from './operation.ts';
import { ROLES } from './operation.ts';

export interface Who {
  /** As the audit log names them, without `operator:`. */
  readonly name: string;
  readonly role: Role;
}

export const mayDo = (role: Role, needed: Role): boolean => ROLES.indexOf(role) >= ROLES.indexOf(needed);

export const roleFor = ({ role, changes }: Pick<Operation, 'role' | 'changes'>): Role =>
  role ?? (changes ? 'operator' : 'viewer');

export const isDangerous = ({ danger }: Operation, input: z.output<z.ZodObject>): boolean =>
  typeof danger === 'function' ? danger(input) : danger === true;

/** Throws role_needed, approval_needed, and whatever the operation throws. */
export async function perform(
  desk: Desk,
  operation: Operation,
  { input, who, ...options }: RunOptions & { readonly input: z.output<z.ZodObject>; readonly who: Who },
): Promise<unknown> {
  const needed = roleFor(operation);
  if (!mayDo(who.role, needed))
    throw new FootbridgeError('role_needed', { detail: `${operation.name}: ${needed}` });
  return operation.run({ ...desk, actor: `operator:${who.name}` }, input, options);
}
