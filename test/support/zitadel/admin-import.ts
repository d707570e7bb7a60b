/** `POST /admin/v1/import`: many at once, and for each what was wrong with it. */
import type {
  DataOrgJson,
  ImportDataErrorJson,
  ImportDataSuccessOrgJson,
} from '@zitadel/proto/zitadel/admin_pb.js';
import { AdminService } from '@zitadel/proto/zitadel/admin_pb.js';
import { ApiError } from './errors.ts';
import { addGrant } from './grants.ts';
import type { Call } from './handlers.ts';
import { handle } from './handlers.ts';
import type { Link } from './instance.ts';
import { addUser, assertIdp, assertLinkFree, assertMetadata, linkAdded } from './new-user.ts';
import { addOrganization } from './organizations.ts';
import { userById } from './user-answers.ts';
import { imported } from './users-v1.ts';
import { organizationOf } from './users-v2.ts';

export const importHandlers = handle(AdminService, {
  async importData({ dataOrgs, timeout }, call) {
    const errors: ImportDataErrorJson[] = [];
    const orgs: ImportDataSuccessOrgJson[] = [];
    // It takes no longer than the caller allows: without a time there is none.
    if (!timeout) throw new ApiError(4, ['ADMIN-stand14', 'Errors.Import.Timeout']);
    for (const one of dataOrgs?.orgs ?? []) orgs.push(await organization(call, one, errors));
    return { errors, success: { orgs } };
  },
});

async function organization(
  call: Call,
  given: DataOrgJson,
  errors: ImportDataErrorJson[],
): Promise<ImportDataSuccessOrgJson> {
  const { instance, actor } = call;
  const orgId = given.orgId ?? '';
  const done: Required<
    Pick<ImportDataSuccessOrgJson, 'humanUserIds' | 'userLinks' | 'userMetadata' | 'userGrants'>
  > = {
    humanUserIds: [],
    userLinks: [],
    userMetadata: [],
    userGrants: [],
  };
  const attempt = async (type: string, id: string, work: () => unknown) => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      errors.push({ type, id, message: error.message });
    }
  };
  if (given.org) {
    await attempt('org', orgId, () =>
      addOrganization(instance, { name: given.org?.name ?? '', id: orgId }, actor),
    );
  } else await attempt('org', orgId, () => organizationOf(instance, orgId));
  if (!instance.organizations.has(orgId)) return { orgId };
  for (const { userId = '', user = {}, state } of given.humanUsers ?? []) {
    await attempt('human_user', userId, async () => {
      const made = await addUser(instance, { ...imported(user, orgId), userId }, actor);
      if (state === 'USER_STATE_INACTIVE') made.state = 'USER_STATE_INACTIVE';
      instance.catchUp(made.id);
      done.humanUserIds.push(userId);
    });
  }
  for (const { userId = '', idpId = '', providedUserId = '', providedUserName = '' } of given.userLinks ??
    []) {
    await attempt('user_link', `${userId}_${idpId}`, () => {
      const link: Link = { idpId, userId: providedUserId, userName: providedUserName };
      assertIdp(instance, idpId);
      assertLinkFree(instance, link);
      const user = userById(instance, userId);
      user.links.push(link);
      instance.userEvent(user, linkAdded(link), actor);
      done.userLinks.push({ userId, idpId, externalUserId: providedUserId, displayName: providedUserName });
    });
  }
  for (const { id = '', key = '', value = '' } of given.userMetadata ?? []) {
    await attempt('user_metadata', `${id}_${key}`, () => {
      assertMetadata(key, value);
      const user = userById(instance, id);
      user.metadata[key] = value;
      instance.userEvent(user, ['user.metadata.set', { key, value }], actor);
      done.userMetadata.push({ userId: id, key });
    });
  }
  for (const { userId = '', projectId = '', projectGrantId = '', roleKeys = [] } of given.userGrants ?? []) {
    await attempt('user_grant', `${userId}_${projectId}`, () => {
      userById(instance, userId);
      addGrant(call, { userId, projectId, projectGrantId, roleKeys, organization: orgId });
      done.userGrants.push({ userId, projectId });
    });
  }
  return { orgId, ...done };
}
