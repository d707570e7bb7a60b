/** Doing an operation, whichever face it was asked at: the role is checked here, and the second pair of eyes. */
import type { z } from 'zod';
import { FootbridgeError } from '../errors.ts';
import { askApproval, useApproval } from './approvals/approvals.ts';
import { digestsOf, shownInput } from './approvals/digest.ts';
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

export interface Asked extends RunOptions {
  readonly input: z.output<z.ZodObject>;
  readonly who: Who;
  readonly nowMs?: number;
}

/**
 * Throws role_needed, approval_needed with the number of the request as the member `approval`, throttled, and whatever the
 * operation throws. An approval is spent before the operation runs, whatever becomes of it.
 */
export async function perform(desk: Desk, operation: Operation, asked: Asked): Promise<unknown> {
  const { input, who, nowMs = Date.now(), ...options } = asked;
  const needed = roleFor(operation);
  if (!mayDo(who.role, needed))
    throw new FootbridgeError('role_needed', { detail: `${operation.name}: ${needed}` });
  const ours: Desk = { ...desk, actor: `operator:${who.name}`, role: who.role };
  if (desk.fourEyes && options.execute && isDangerous(operation, input))
    await withSecondEyes(ours, operation, { ...asked, nowMs });
  return operation.run(ours, input, options);
}

/** Returns once somebody else has approved exactly this. */
async function withSecondEyes(
  desk: Desk,
  operation: Operation,
  { input, who, nowMs, execute: _, ...options }: Asked & { readonly nowMs: number },
): Promise<void> {
  const { db, keyring } = desk;
  const digests = digestsOf(keyring, operation.name, input);
  if (await useApproval(db, { digests, by: who.name, nowMs })) return;
  // What cannot be done now is told now, and nobody is asked for it.
  const says = operation.print(await operation.run(desk, input, { ...options, execute: false }));
  const id = await askApproval(db, {
    operation: operation.name,
    input: shownInput(input),
    digests,
    says,
    role: roleFor(operation),
    askedBy: who.name,
    nowMs,
  });
  throw new FootbridgeError('approval_needed', {
    detail: `It waits as request ${id}. Somebody else grants it: footbridge approval grant ${id} --execute. Then say it again within the hour.`,
    members: { approval: id },
  });
}
