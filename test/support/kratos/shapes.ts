/** What Kratos' strict decoder takes: every field that is not here is an error, and so is a value of another type. */
import { undecodable } from './errors.ts';

export type Shape = 'any' | 'text' | 'flag' | 'number' | 'bytes' | 'uuid' | readonly [Shape] | ShapeFields;
interface ShapeFields {
  readonly [name: string]: Shape;
}

const ADDRESS: ShapeFields = {
  id: 'uuid',
  value: 'text',
  verified: 'flag',
  via: 'text',
  status: 'text',
  verified_at: 'text',
  created_at: 'text',
  updated_at: 'text',
};
const WEBAUTHN: Shape = {
  config: {
    user_handle: 'bytes',
    credentials: [
      {
        id: 'bytes',
        public_key: 'bytes',
        attestation_type: 'text',
        authenticator: { aaguid: 'bytes', sign_count: 'number', clone_warning: 'flag' },
        display_name: 'text',
        added_at: 'text',
        is_passwordless: 'flag',
        flags: { user_present: 'flag', user_verified: 'flag', backup_eligible: 'flag', backup_state: 'flag' },
        transport: ['text'],
        attestation: 'any',
      },
    ],
  },
};
const PROVIDER = { subject: 'text', provider: 'text', organization: 'uuid' } as const;
const CREDENTIALS = {
  password: {
    config: { hashed_password: 'text', password: 'text', use_password_migration_hook: 'flag' },
  },
  oidc: { config: { providers: [{ ...PROVIDER, use_auto_link: 'flag' }] } },
  saml: { config: { providers: [PROVIDER] } },
} as const;
const NEWER_CREDENTIALS = {
  totp: { config: { totp_url: 'text' } },
  webauthn: WEBAUTHN,
  passkey: WEBAUTHN,
  lookup_secret: { config: { codes: [{ code: 'text', used_at: 'text' }] } },
} as const;

/** `createIdentityBody`; `isOld`: as v26.2.0 has it. */
export function createShape(isOld: boolean): ShapeFields {
  return {
    schema_id: 'text',
    traits: 'any',
    credentials: { ...CREDENTIALS, ...(isOld ? {} : NEWER_CREDENTIALS) },
    verifiable_addresses: [ADDRESS],
    recovery_addresses: [{ ...ADDRESS, break_glass_for_organization: 'uuid' }],
    metadata_public: 'any',
    metadata_admin: 'any',
    state: 'text',
    organization_id: 'uuid',
    external_id: 'text',
    ...(isOld ? {} : { region: 'text' }),
  };
}

export const batchShape = (isOld: boolean): Shape => ({
  identities: [{ patch_id: 'uuid', create: createShape(isOld) }],
});

const UUID = /^[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/i;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Throws what the decoder says. */
export function decode(value: unknown, shape: Shape, path = ''): void {
  if (value === null || value === undefined || shape === 'any') return;
  if (typeof shape === 'string') decodeScalar(value, shape, path);
  else if (isList(shape)) decodeList(value, shape[0], path);
  else decodeFields(value, shape, path);
}

function decodeList(value: unknown, shape: Shape, path: string): void {
  if (!Array.isArray(value)) throw mistyped(value, path, 'slice');
  for (const one of value) decode(one, shape, path);
}

function decodeFields(value: unknown, shape: ShapeFields, path: string): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw mistyped(value, path, 'struct');
  for (const [name, one] of Object.entries(value)) {
    const inner = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (inner === undefined) throw undecodable(`json: unknown field "${name}"`);
    decode(one, inner, path ? `${path}.${name}` : name);
  }
}

const isList = (shape: Shape): shape is readonly [Shape] => Array.isArray(shape);

function decodeScalar(value: unknown, shape: Exclude<Shape, object>, path: string): void {
  const type = { flag: 'boolean', number: 'number' }[shape as string] ?? 'string';
  const is: string = typeof value;
  if (is !== type) throw mistyped(value, path, type === 'boolean' ? 'bool' : type);
  if (shape === 'uuid' && !UUID.test(String(value)))
    throw undecodable(`uuid: incorrect UUID length ${String(value).length} in string "${value}"`);
  if (shape === 'bytes' && !BASE64.test(String(value)))
    throw undecodable('illegal base64 data at input byte 0');
}

const mistyped = (value: unknown, path: string, type: string) =>
  undecodable(`json: cannot unmarshal ${typeof value} into Go struct field ${path} of type ${type}`);
