/** The services of ZITADEL's API that the stand-in knows: from `@zitadel/proto`, and what is newer than it. */
import type { DescService } from '@bufbuild/protobuf';
import { ActionService as OldActionService } from '@zitadel/proto/zitadel/action/v2beta/action_service_pb.js';
import { AdminService } from '@zitadel/proto/zitadel/admin_pb.js';
import { AuthService } from '@zitadel/proto/zitadel/auth_pb.js';
import { AuthorizationService } from '@zitadel/proto/zitadel/authorization/v2beta/authorization_service_pb.js';
import { FeatureService } from '@zitadel/proto/zitadel/feature/v2/feature_service_pb.js';
import { IdentityProviderService } from '@zitadel/proto/zitadel/idp/v2/idp_service_pb.js';
import { ManagementService } from '@zitadel/proto/zitadel/management_pb.js';
import { OrganizationService } from '@zitadel/proto/zitadel/org/v2/org_service_pb.js';
import { SessionService } from '@zitadel/proto/zitadel/session/v2/session_service_pb.js';
import { SettingsService } from '@zitadel/proto/zitadel/settings/v2/settings_service_pb.js';
import { NewActionService, NewUserService } from './newer.ts';

export const SERVICES: readonly DescService[] = [
  NewUserService,
  SessionService,
  OrganizationService,
  SettingsService,
  IdentityProviderService,
  FeatureService,
  AuthorizationService,
  NewActionService,
  OldActionService,
  ManagementService,
  AdminService,
  AuthService,
];

/** Where the gateway puts the services of the first version. */
export const PREFIXES: Readonly<Record<string, string>> = {
  [ManagementService.typeName]: '/management/v1',
  [AdminService.typeName]: '/admin/v1',
  [AuthService.typeName]: '/auth/v1',
};

/** Routes that newer releases have for messages that `@zitadel/proto` 1.3.1 knows already. */
export const ADDED_ROUTES: Readonly<
  Record<string, { readonly verb: string; readonly path: string; readonly body: string }>
> = {
  '/zitadel.user.v2.UserService/CreateUser': { verb: 'POST', path: '/v2/users/new', body: '*' },
  '/zitadel.user.v2.UserService/UpdateUser': { verb: 'PATCH', path: '/v2/users/{user_id}', body: '*' },
};
