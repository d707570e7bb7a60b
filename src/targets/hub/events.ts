/** What the hub's events are about. They come twice, too late, or in another order: they only say where to look. */
import { z } from 'zod';
import type { TargetEvent } from '../webhook.ts';

export const hubEvent = z.object({
  id: z.string().min(1).max(200),
  /** `zaikio.member_joined`, or with the older name of the hub `directory.member_joined`. */
  name: z.string().min(1).max(200),
  subject: z.string().max(200),
  timestamp: z.iso.datetime({ offset: true }),
});
export type HubEvent = z.output<typeof hubEvent>;

const NAME = /^(?:zaikio|directory)\.([a-z_]+)$/;
const SUBJECT = /^(Org|Per)\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i;

const MEMBERS = new Set(['member_joined', 'member_roles_updated', 'member_left']);
/**
 * The names of those that begin, change and end a connection are told in two ways (`established_connection`,
 * `connection_established`), and the last one's nowhere. A revoked token may be the end of a connection too, and so may a
 * deletion, should there be events of it. Looking once too often does no harm.
 */
const CONNECTIONS = /(?:^|_)connection(?:_|$)|^revoked_access_token$|^(?:person|organization)_/;

export function targetEvent({ id, name, subject, timestamp }: HubEvent): TargetEvent {
  return { id, name, about: aboutOf(name, subject), at: new Date(timestamp) };
}

function aboutOf(name: string, subject: string): TargetEvent['about'] {
  const [, what = ''] = NAME.exec(name) ?? [];
  const [, kind, subjectId = ''] = SUBJECT.exec(subject) ?? [];
  const id = subjectId.toLowerCase();
  if (MEMBERS.has(what) && kind === 'Org') return { kind: 'memberships', targetOrganizationId: id };
  if (!CONNECTIONS.test(what) || kind === undefined) return { kind: 'nothing-of-ours' };
  return kind === 'Org'
    ? { kind: 'organization-connection', targetOrganizationId: id }
    : { kind: 'person-connection', targetUserId: id };
}
