/** Who may do what: permissions as the protobufs name them, and ZITADEL's roles, as far as they matter here. */
import type { DescMethod } from '@bufbuild/protobuf';
import { getOption, hasOption } from '@bufbuild/protobuf';
import { auth_option } from '@zitadel/proto/zitadel/options_pb.js';
import { options } from '@zitadel/proto/zitadel/protoc_gen_zitadel/v2/options_pb.js';
import type { Actor } from './instance.ts';

const OF_ROLES: Readonly<Record<string, readonly RegExp[]>> = {
  IAM_OWNER: [/./],
  IAM_OWNER_VIEWER: [/\.read$/],
  IAM_USER_MANAGER: [/^user\./, /^session\./, /^org\.read$/],
  IAM_LOGIN_CLIENT: [/^(user|session|idp|org|policy|iam\.policy|iam\.idp)\./],
  ORG_OWNER: [/^(org|user|policy|project|session)\./],
  ORG_USER_MANAGER: [/^user\./, /^org\.read$/],
};

export const may = ({ roles }: Pick<Actor, 'roles'>, permission: string): boolean =>
  roles.some((role) => OF_ROLES[role]?.some((pattern) => pattern.test(permission)));

/**
 * What a method asks for before it is called. Where the protobuf says only `authenticated`, ZITADEL checks while it
 * works: writing to users then needs what is said here, and reading hides what may not be seen.
 */
export function permissionOf(method: DescMethod): string | undefined {
  const said = declared(method);
  if (said !== 'authenticated') return said;
  const service = method.parent.typeName;
  if (service.endsWith('UserService') && !/^(Get|List|Retrieve|Start)/.test(method.name))
    return method.name === 'DeleteUser' ? 'user.delete' : 'user.write';
  return undefined;
}

function declared(method: DescMethod): string | undefined {
  if (hasOption(method, options)) return getOption(method, options).authOption?.permission || undefined;
  return (hasOption(method, auth_option) && getOption(method, auth_option).permission) || undefined;
}
