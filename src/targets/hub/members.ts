/** All who are in an organization. */
import type { TargetMember } from '../organizations.ts';
import type { HubApi } from './api.ts';
import { hasNext } from './api.ts';
import { membersAnswer, readDocument } from './documents.ts';
import { HubError } from './hub-error.ts';

const PATH = '/api/v1/organization/memberships';
/**
 * It is documented to answer with all of them at once. Other lists of the hub come in pages by now: should this one, nobody
 * on the second is to count as having left.
 */
const MAX_PAGES = 500;
/** Of all pages together: more than are kept of one organization (`sync/attending.ts`). */
const MAX_MEMBERS = 50_000;

/** Throws HubError. */
export async function readMembers(api: HubApi, authorization: string): Promise<readonly TargetMember[]> {
  const all: TargetMember[] = [];
  for (let page = 1; page <= MAX_PAGES; page++) {
    const path = page === 1 ? PATH : `${PATH}?page=${page}`;
    const answer = await api.ask({ method: 'GET', path, authorization });
    const members = readDocument(membersAnswer, answer.document, `GET ${PATH}`);
    for (const member of members) all.push(member);
    if (all.length > MAX_MEMBERS) break;
    if (members.length === 0 || !hasNext(answer)) return all;
  }
  throw new HubError({ status: 200, reason: 'too_many_pages', message: `GET ${PATH} does not end` });
}
