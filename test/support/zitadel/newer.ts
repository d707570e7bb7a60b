/**
 * Messages that are newer than `@zitadel/proto` 1.3.1, made by hand of what that package has: written down from
 * ZITADEL's .proto files (`action/v2`, read in August 2026), field names and rules; the numbers mean nothing in JSON.
 */
import type { DescFile, DescService } from '@bufbuild/protobuf';
import { clone, create, createFileRegistry, getExtension, setExtension } from '@bufbuild/protobuf';
import type {
  DescriptorProto,
  FieldDescriptorProto,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProto,
} from '@bufbuild/protobuf/wkt';
import {
  DescriptorProtoSchema,
  EnumDescriptorProtoSchema,
  FieldDescriptorProtoSchema,
  FieldOptionsSchema,
  FileDescriptorProtoSchema,
  file_google_protobuf_timestamp,
  MethodDescriptorProtoSchema,
  MethodOptionsSchema,
} from '@bufbuild/protobuf/wkt';
import { http } from '@zitadel/proto/google/api/annotations_pb.js';
import { HttpRuleSchema } from '@zitadel/proto/google/api/http_pb.js';
import { FieldRulesSchema, rules } from '@zitadel/proto/validate/validate_pb.js';
import { file_zitadel_action_v2beta_action_service } from '@zitadel/proto/zitadel/action/v2beta/action_service_pb.js';
import { file_zitadel_action_v2beta_execution } from '@zitadel/proto/zitadel/action/v2beta/execution_pb.js';
import { file_zitadel_action_v2beta_query } from '@zitadel/proto/zitadel/action/v2beta/query_pb.js';
import { file_zitadel_action_v2beta_target } from '@zitadel/proto/zitadel/action/v2beta/target_pb.js';
import { file_zitadel_user_v2_user_service } from '@zitadel/proto/zitadel/user/v2/user_service_pb.js';

const PACKAGE = '.zitadel.action.v2';
const TIMESTAMP = '.google.protobuf.Timestamp';

/** `string`, `bytes`, `bool`, or a type's full name with its dot in front; `[]` behind it for many. */
type Kind = string;
const TYPES: Readonly<Record<string, FieldDescriptorProto_Type>> = {
  bool: 8,
  string: 9,
  message: 11,
  bytes: 12,
  enum: 14,
};
const LABELS = { one: 1, many: 3 } as const satisfies Record<string, FieldDescriptorProto_Label>;

/** A further field; `id` and `key` stand for the rules of such fields. */
function field(name: string, kind: Kind, rule?: 'id' | 'key'): FieldDescriptorProto {
  const bare = kind.replace('[]', '');
  const type = TYPES[bare] ?? (bare.endsWith('Type') ? TYPES.enum! : TYPES.message!);
  const made = create(FieldDescriptorProtoSchema, {
    name,
    jsonName: name.replace(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase()),
    type,
    label: kind.endsWith('[]') ? LABELS.many : LABELS.one,
    ...(bare.startsWith('.') && { typeName: bare }),
  });
  if (rule) {
    const lengths = rule === 'id' ? { minLen: 1n, maxLen: 200n } : { minLen: 1n, maxLen: 8_192n };
    made.options = create(FieldOptionsSchema);
    const value = create(FieldRulesSchema, {
      type: { case: rule === 'id' ? 'string' : 'bytes', value: lengths } as never,
    });
    setExtension(made.options, rules, value);
  }
  return made;
}

function add(message: DescriptorProto, ...fields: FieldDescriptorProto[]): void {
  for (const one of fields) {
    one.number = Math.max(0, ...message.field.map(({ number }) => number)) + 1;
    message.field.push(one);
  }
}

function message(name: string, ...fields: FieldDescriptorProto[]): DescriptorProto {
  const made = create(DescriptorProtoSchema, { name });
  add(made, ...fields);
  return made;
}

function method(name: string, [verb, path]: ['post' | 'delete', string]) {
  const options = create(MethodOptionsSchema);
  const rule = create(HttpRuleSchema, {
    pattern: { case: verb, value: path },
    body: verb === 'post' ? '*' : '',
  });
  setExtension(options, http, rule);
  return create(MethodDescriptorProtoSchema, {
    name,
    inputType: `${PACKAGE}.${name}Request`,
    outputType: `${PACKAGE}.${name}Response`,
    options,
  });
}

/** The beta's file, under the name it got later. */
function renamed(file: DescFile): FileDescriptorProto {
  const proto = clone(FileDescriptorProtoSchema, file.proto);
  const now = (text: string) =>
    text.replace('action/v2beta', 'action/v2').replace('.action.v2beta', '.action.v2');
  proto.name = now(proto.name);
  proto.package = now(proto.package);
  proto.dependency = proto.dependency.map(now);
  for (const one of proto.messageType.flatMap((outer) => [outer, ...outer.nestedType]))
    for (const each of one.field) each.typeName = now(each.typeName);
  for (const each of proto.service.flatMap(({ method: methods }) => methods)) {
    each.inputType = now(each.inputType);
    each.outputType = now(each.outputType);
    const rule = getExtension(each.options!, http);
    rule.pattern.value = String(rule.pattern.value).replace('/v2beta/', '/v2/');
    setExtension(each.options!, http, rule);
  }
  return proto;
}

const named = (file: FileDescriptorProto, name: string) => file.messageType.find((one) => one.name === name)!;

function targetFile(): FileDescriptorProto {
  const file = renamed(file_zitadel_action_v2beta_target);
  const values = ['UNSPECIFIED', 'JSON', 'JWT', 'JWE'].map((name, number) => ({
    name: `PAYLOAD_TYPE_${name}`,
    number,
  }));
  file.enumType.push(create(EnumDescriptorProtoSchema, { name: 'PayloadType', value: values }));
  add(named(file, 'Target'), field('payload_type', `${PACKAGE}.PayloadType`));
  const times = ['expiration_date', 'creation_date', 'change_date'].map((name) => field(name, TIMESTAMP));
  file.messageType.push(
    message(
      'PublicKey',
      field('key_id', 'string'),
      field('active', 'bool'),
      field('public_key', 'bytes'),
      field('fingerprint', 'string'),
      ...times,
    ),
  );
  return file;
}

const onKey = () => [field('target_id', 'string', 'id'), field('key_id', 'string', 'id')];

function serviceFile(): FileDescriptorProto {
  const file = renamed(file_zitadel_action_v2beta_action_service);
  for (const name of ['CreateTargetRequest', 'UpdateTargetRequest'])
    add(named(file, name), field('payload_type', `${PACKAGE}.PayloadType`));
  file.messageType.push(
    message(
      'AddPublicKeyRequest',
      field('target_id', 'string', 'id'),
      field('public_key', 'bytes', 'key'),
      field('expiration_date', TIMESTAMP),
    ),
    message('AddPublicKeyResponse', field('key_id', 'string'), field('creation_date', TIMESTAMP)),
    message('ActivatePublicKeyRequest', ...onKey()),
    message('ActivatePublicKeyResponse', field('change_date', TIMESTAMP)),
    message('DeactivatePublicKeyRequest', ...onKey()),
    message('DeactivatePublicKeyResponse', field('change_date', TIMESTAMP)),
    message('RemovePublicKeyRequest', ...onKey()),
    message('RemovePublicKeyResponse', field('deletion_date', TIMESTAMP)),
    message('ListPublicKeysRequest', field('target_id', 'string', 'id')),
    message('ListPublicKeysResponse', field('public_keys', `${PACKAGE}.PublicKey[]`)),
  );
  const keys = '/v2/actions/targets/{target_id}/publickeys';
  file.service[0]!.method.push(
    method('AddPublicKey', ['post', keys]),
    method('ActivatePublicKey', ['post', `${keys}/{key_id}/activate`]),
    method('DeactivatePublicKey', ['post', `${keys}/{key_id}/deactivate`]),
    method('RemovePublicKey', ['delete', `${keys}/{key_id}`]),
    method('ListPublicKeys', ['post', `${keys}/search`]),
  );
  return file;
}

/** The answer of an intent has two shapes more: what newer logins make and change users of, as it stands there. */
function userFile(): FileDescriptorProto {
  const file = clone(FileDescriptorProtoSchema, file_zitadel_user_v2_user_service.proto);
  add(
    named(file, 'RetrieveIdentityProviderIntentResponse'),
    field('update_human_user', '.zitadel.user.v2.UpdateHumanUserRequest'),
    field('create_user', '.zitadel.user.v2.CreateUserRequest'),
    field('update_user', '.zitadel.user.v2.UpdateUserRequest'),
  );
  return file;
}

function everyFile(file: DescFile): DescFile[] {
  return [file, ...file.dependencies.flatMap(everyFile)];
}

/** The last file's service, with the other files there for it. */
function serviceOf(files: readonly FileDescriptorProto[], known: DescFile): DescService {
  const all = new Map(everyFile(known).map((file) => [file.proto.name, file]));
  all.set('google/protobuf/timestamp.proto', file_google_protobuf_timestamp);
  for (const proto of files) {
    const registry = createFileRegistry(proto, (name) => all.get(name));
    all.set(proto.name, registry.getFile(proto.name)!);
  }
  return all.get(files.at(-1)!.name)!.services[0]!;
}

export const NewActionService: DescService = serviceOf(
  [
    targetFile(),
    renamed(file_zitadel_action_v2beta_execution),
    renamed(file_zitadel_action_v2beta_query),
    serviceFile(),
  ],
  file_zitadel_action_v2beta_action_service,
);

export const NewUserService: DescService = serviceOf([userFile()], file_zitadel_user_v2_user_service);
