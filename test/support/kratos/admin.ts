/** Kratos' admin API, as far as a migration calls it: routes, order of checks and answers as in its `handler.go`. */
import { SESSION_ROUTES } from './admin-sessions.ts';
import type { Answer, Call, Kept, Route } from './answers.ts';
import { ID, present, shown, uuidOf } from './answers.ts';
import { badRequest, Refused } from './errors.ts';
import type { Identity } from './identities.ts';
import { checkStorable, withRead } from './identities.ts';
import { normalized, readTraits } from './identity-schema.ts';
import type { CreateBody } from './importing.ts';
import { checkState, identityFrom, importCredentials } from './importing.ts';
import type { Operation } from './json-patch.ts';
import { patched } from './json-patch.ts';
import { batchShape, createShape, decode } from './shapes.ts';

const MAX_BATCH = 1_000;
const MAX_PLAIN = 200;
const MAX_PAGE = 500;
const DEFAULT_PAGE = 250;
const FIRST_TOKEN = '00000000-0000-0000-0000-000000000000';
const KINDS = ['password', 'oidc', 'saml', 'totp', 'lookup_secret', 'webauthn', 'code', 'passkey'];

/** Throws Refused; undefined: no such route. */
export function answerTo(kept: Kept, call: Call): Answer | undefined {
  for (const [method, pattern, route] of ROUTES) {
    const [, id = ''] = (method === call.method && pattern.exec(call.path)) || [undefined];
    if (method === call.method && pattern.test(call.path)) return route(kept, call, decodeURIComponent(id));
  }
  return undefined;
}

/** Throws badRequest for traits that the schema does not take. */
function validated({ schemas }: Kept, identity: Identity): Identity {
  const schema = schemas[identity.schema_id];
  if (!schema) throw badRequest(`Unable to find JSON Schema ID: ${identity.schema_id}`);
  return withRead(identity, readTraits(schema, identity.traits));
}

const create: Route = (kept, { body }) => {
  decode(body, createShape(kept.isOld));
  const identity = validated(kept, identityFrom(body as CreateBody, kept.isOld));
  checkStorable(identity);
  if (kept.identities.insertAll([identity])[0] === 'conflict')
    throw new Refused(409, {
      reason: 'This identity conflicts with another identity that already exists.',
      message: 'The resource could not be created due to a conflict',
    });
  return { status: 201, document: shown(identity) };
};

interface Patch {
  readonly patch_id?: string;
  readonly create?: CreateBody;
}

const createMany: Route = (kept, { body }) => {
  decode(body, batchShape(kept.isOld));
  const { identities: patches = [] } = (body ?? {}) as { identities?: readonly Patch[] };
  if (patches.length > MAX_BATCH)
    throw badRequest(
      `The maximum number of identities per request that can be created or deleted at once is ${MAX_BATCH}.`,
    );
  const all = patches.flatMap(({ create: one }) => (one ? [identityFrom(one, kept.isOld)] : []));
  const plain = patches.filter(({ create: one }) => one?.credentials?.password?.config?.password);
  if (plain.length > MAX_PLAIN)
    throw badRequest(
      `The maximum number of identities per request that can be created with a plaintext password is ${MAX_PLAIN}.`,
    );
  const checked = all.map((identity) => orRefused(() => validated(kept, identity)));
  const valid = checked.filter((one): one is Identity => !(one instanceof Refused));
  valid.forEach(checkStorable);
  const outcomes = kept.identities.insertAll(valid);
  // One alone is inserted like any other: what fails then fails the call.
  if (valid.length === 1 && outcomes[0] === 'conflict') throw new Refused(409);
  const outcomeOf = new Map(valid.map((identity, at) => [identity, outcomes[at]]));
  const rows = patches.map(({ patch_id }, at) => {
    const one = checked[at]!;
    const error =
      one instanceof Refused ? one : outcomeOf.get(one) === 'conflict' ? new Refused(409) : undefined;
    const row = error
      ? { action: 'error', error: error.document }
      : { action: 'create', identity: (one as Identity).id };
    return { ...row, ...(patch_id && { patch_id }) };
  });
  return { status: 200, document: { identities: rows } };
};

function orRefused<T>(work: () => T): T | Refused {
  try {
    return work();
  } catch (error) {
    if (error instanceof Refused) return error;
    throw error;
  }
}

const list: Route = ({ identities }, { query }) => {
  const included = includedIn(query);
  const identifier = query.get('credentials_identifier') ?? '';
  const size = Math.min(Number(query.get('page_size')) || DEFAULT_PAGE, MAX_PAGE);
  const after = query.get('page_token') ?? FIRST_TOKEN;
  if (identifier !== '') {
    const found = new Set([
      ...['password', 'webauthn', 'code'].map((kind) =>
        identities.byIdentifier(kind, normalized(identifier)),
      ),
      ...['oidc', 'saml'].map((kind) => identities.byIdentifier(kind, identifier)),
    ]);
    const all = [...found].filter((one) => one !== undefined).slice(0, size);
    return { status: 200, document: all.map((one) => shown(one, included)) };
  }
  const page = identities.page(after, size + 1);
  const next = page.length > size ? page[size - 1]!.id : undefined;
  const link = (rel: string, token: string) =>
    `</admin/identities?page_size=${size}&page_token=${token}>; rel="${rel}"`;
  return {
    status: 200,
    headers: { link: [link('first', FIRST_TOKEN), ...(next ? [link('next', next)] : [])].join(',') },
    // Without `include_credential` a list tells nothing of credentials, not even that there are any.
    document: page.slice(0, size).map((one) => shown(one, included.length > 0 ? included : undefined)),
  };
};

function includedIn(query: URLSearchParams): readonly string[] {
  const all = query.getAll('include_credential');
  const wrong = all.find((kind) => !KINDS.includes(kind));
  if (wrong === undefined) return all;
  throw badRequest(`Invalid value \`${wrong}\` for parameter \`include_credential\`.`);
}

function changed(kept: Kept, identity: Identity): Answer {
  const next = validated(kept, identity);
  checkStorable(next);
  kept.identities.replace(next);
  return { status: 200, document: shown(next) };
}

const patch: Route = (kept, { body }, id) => {
  const before = present(kept, id);
  const after = patched(before, body as readonly Operation[]);
  if (after.state !== before.state && after.state !== 'active' && after.state !== 'inactive')
    throw badRequest(
      `The supplied state ('${after.state}') was not valid. Valid states are ('active', 'inactive').`,
    );
  return changed(kept, after);
};

/** Not strict: what it does not know is passed over. */
const update: Route = (kept, { body }, id) => {
  const before = present(kept, id);
  const { schema_id, state, traits = {}, external_id, credentials, ...rest } = (body ?? {}) as CreateBody;
  if (state) checkState(state);
  const { external_id: _before, ...others } = before;
  return changed(kept, {
    ...others,
    schema_id: schema_id || before.schema_id,
    state: state || before.state,
    traits,
    metadata_public: rest.metadata_public ?? null,
    metadata_admin: rest.metadata_admin ?? null,
    ...(external_id && { external_id }),
    credentials: credentials ? importCredentials(before, credentials, kept.isOld) : before.credentials,
  });
};

const removeCredential =
  (kind: string): Route =>
  (kept, { query }, id) => {
    const identity = present(kept, id);
    const { [kind]: credential, ...others } = identity.credentials;
    if (!credential)
      throw new Refused(404, {
        reason: `You tried to remove a ${kind} but this user have no ${kind} set up.`,
      });
    if (kind === 'oidc' && firstFactors(identity) < 2)
      throw badRequest('You cannot remove the last first factor credential.');
    if (kind !== 'oidc') {
      kept.identities.replace({ ...identity, credentials: others });
      return { status: 204 };
    }
    const gone = query.get('identifier') ?? '';
    if (!credential.identifiers.includes(gone))
      throw new Refused(404, { reason: `The identifier \`${gone}\` was not found among OIDC credentials.` });
    const providers = credential.config.providers as readonly { provider: string; subject: string }[];
    const oidc = {
      identifiers: credential.identifiers.filter((one) => one !== gone),
      config: { providers: providers.filter(({ provider, subject }) => `${provider}:${subject}` !== gone) },
    };
    kept.identities.replace({ ...identity, credentials: { ...others, oidc } });
    return { status: 204 };
  };

function firstFactors({ credentials: { password, oidc, passkey } }: Identity): number {
  const { hashed_password, use_password_migration_hook } = password?.config ?? {};
  const hasPassword = password?.identifiers.length && (hashed_password || use_password_migration_hook);
  return (hasPassword ? 1 : 0) + (oidc?.identifiers.length ?? 0) + (passkey ? 1 : 0);
}

const ROUTES: readonly (readonly [string, RegExp, Route])[] = (
  [
    ['GET', '/identities', list],
    ['POST', '/identities', create],
    ['PATCH', '/identities', createMany],
    [
      'GET',
      `/identities/by/external/${ID}`,
      ({ identities }, { query }, id) => {
        const identity = identities.byExternalId(id);
        if (!identity) throw new Refused(404);
        return { status: 200, document: shown(identity, includedIn(query)) };
      },
    ],
    [
      'GET',
      `/identities/${ID}`,
      (kept, { query }, id) => ({ status: 200, document: shown(present(kept, id), includedIn(query)) }),
    ],
    ['PATCH', `/identities/${ID}`, patch],
    ['PUT', `/identities/${ID}`, update],
    [
      'DELETE',
      `/identities/${ID}`,
      (kept, _call, id) => {
        if (!kept.identities.remove(uuidOf(id))) throw new Refused(404);
        return { status: 204 };
      },
    ],
    ...['oidc', 'totp', 'lookup_secret'].map((kind) => [
      'DELETE',
      `/identities/${ID}/credentials/${kind}`,
      removeCredential(kind),
    ]),
    ...SESSION_ROUTES,
  ] as readonly (readonly [string, string, Route])[]
).map(([method, path, route]) => [method, new RegExp(`^/admin${path}$`), route] as const);
