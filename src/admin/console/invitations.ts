/**
 * One-time links to the console, for whoever cannot sign in elsewhere: before that is set up, or while it is away. Only the
 * command line makes them, because who has it has the settings and the database anyway; nobody can make a second self for the
 * second pair of eyes. What is in a link is known here by its SHA-256.
 */
import { appendAudit } from '../../store/audit-log.ts';
import type { Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Role } from '../operation.ts';
import type { SessionLimits } from './sessions.ts';
import { idOf, newToken, startParts } from './sessions.ts';

/** Long enough to go to a browser, short enough that a link in a chat is worth nothing. */
export const INVITATION_MINUTES = 10;

export interface Invited {
  readonly name: string;
  readonly role: Role;
}

const INVITE = statement(
  'insert into operator_invitations (id, name, role, actor, expires_at) values ($1, $2, $3, $4, $5)',
);

/** Behind the `#`, a link's token is sent to nobody: no log, no history of a proxy, no Referer has it. */
export const invitationLink = (origin: string, token: string): string =>
  `${origin}/admin/sign-in/invitation#${token}`;

/** Makes one; its token is seen this once. */
export async function invite(
  q: Queryable,
  { name, role }: Invited,
  { actor, now }: { readonly actor: string; readonly now: Date },
): Promise<{ readonly token: string; readonly expiresAt: Date }> {
  const { token, id } = newToken();
  const expiresAt = new Date(now.getTime() + INVITATION_MINUTES * 60_000);
  await q.run(INVITE, [id, name, role, actor, expiresAt]);
  await appendAudit(q, { actor, action: 'console.invited', detail: { name, role } });
  return { token, expiresAt };
}

/** Spends it and begins a session, in one statement: of many who come with one link, one gets in. */
export async function redeem(
  q: Queryable,
  {
    token,
    now,
    replaces,
  }: { readonly token: string; readonly now: Date; readonly replaces?: Buffer | undefined },
  limits: SessionLimits,
): Promise<{ readonly token: string; readonly who: Invited } | undefined> {
  const session = newToken();
  const parts = [
    {
      name: 'invited',
      text: `update operator_invitations set used_at = $2::timestamptz
        where id = $1::bytea and used_at is null and expires_at > $2::timestamptz returning name, role, null::text as subject`,
      values: [idOf(token), now],
    },
    ...startParts({ id: session.id, via: 'invitation', now, replaces }, limits, 'invited'),
  ];
  const [who] = await q.runParts<{ name: string; role: Role }>(parts, 'select name, role from signed_in');
  return who && { token: session.token, who };
}

/** For `sweep`: at most $1 links that are good for nothing any more. */
export const SWEEP_INVITATIONS = statement(
  `with gone as (delete from operator_invitations where id in (
    select id from operator_invitations where expires_at < now() - interval '1 day' limit $1 for update skip locked) returning 1)
  select count(*)::int as gone from gone`,
);
