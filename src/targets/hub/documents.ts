/** What the hub answers, as far as we read it (its OpenAPI document, hub_api). */
import { z } from 'zod';
import type { TargetMember } from '../organizations.ts';
import { HubError } from './hub-error.ts';

const id = z.uuid().transform((text) => text.toLowerCase());
const text = z.string().max(1_000);

const bearer = z.object({ id, type: z.enum(['Person', 'Organization']) });

export const tokenAnswer = z.object({
  access_token: z.string().regex(/^[\x21-\x7e]{1,8192}$/),
  /** Seconds, or when: the documentation shows both. */
  expires_in: z.union([z.number().positive(), z.iso.datetime({ offset: true })]).optional(),
  bearer,
  bearer_on_behalf_of: z.object({ id }).nullish(),
});
export type TokenAnswer = z.output<typeof tokenAnswer>;

export const personAnswer = z.object({
  id,
  first_name: text.nullish(),
  name: text.nullish(),
  full_name: text.nullish(),
  email: text.nullish(),
  email_confirmed: z.boolean().nullish(),
});
export type PersonAnswer = z.output<typeof personAnswer>;

export const organizationAnswer = z.object({ id, name: text });

/** Members of one organization that are read, at most: more would not fit into an answer. */
const MAX_MEMBERS = 50_000;
/** Roles of one member. */
const MAX_ROLES = 100;

const membership = z.object({
  id: text,
  roles: z.array(z.string().min(1).max(200)).max(MAX_ROLES),
  person: z.object({ id }),
});

export const membersAnswer = z
  .array(membership)
  .max(MAX_MEMBERS)
  .transform((all) =>
    all.map(
      ({ id: membershipId, roles, person }): TargetMember => ({
        targetUserId: person.id,
        membershipId,
        roles: [...new Set(roles)].sort(),
      }),
    ),
  );

/** Throws HubError, without what was there instead. */
export function readDocument<T extends z.ZodType>(schema: T, document: unknown, what: string): z.output<T> {
  const { success, data, error } = schema.safeParse(document);
  if (success) return data;
  const at = error.issues[0]?.path.join('.') ?? '';
  throw new HubError({
    status: 200,
    reason: 'not_as_documented',
    message: `${what} answers with something else than is documented, at ${at || 'the top'}`,
  });
}
