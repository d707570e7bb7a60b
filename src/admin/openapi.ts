/** `/openapi.json` (OpenAPI 3.1), generated from the schemas that check the requests. */

import { z } from 'zod';
import packageFile from '../../package.json' with { type: 'json' };
import type { ErrorCode } from '../errors.ts';
import { ERRORS } from '../errors.ts';
import { claimOperations } from '../migration/claim-tokens/claim-routes.ts';
import { dropInOperations } from '../migration/drop-ins/drop-ins-routes.ts';
import { ensureOperations } from '../migration/ensure-routes.ts';
import { hooksOperations } from '../migration/hooks/hooks-routes.ts';
import type { RouteDescription } from '../migration/json-routes.ts';
import { migrationOperations } from '../migration/migration-routes.ts';
import { routingOperations } from '../migration/routing-routes.ts';
import { sessionOperations } from '../sessions/sessions-routes.ts';
import { legacyChangesOperations } from '../sync/intake/changes-routes.ts';
import { organizationsOperations } from '../sync/organizations/organizations-routes.ts';
import { passwordCheckOperations } from '../sync/passwords/check-routes.ts';
import { webhooksOperations } from '../sync/webhooks-routes.ts';
import type { Operation } from './operation.ts';
import { operations } from './operations/index.ts';
import { roleFor } from './perform.ts';

type Json = Record<string, unknown>;

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Json => {
  const { $schema: _draft, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Json;
  return rest;
};

const ROUTES: readonly RouteDescription[] = [
  ...migrationOperations,
  ...ensureOperations,
  ...routingOperations,
  ...claimOperations,
  ...dropInOperations,
  ...hooksOperations,
  ...sessionOperations,
  ...webhooksOperations,
  ...organizationsOperations,
  ...legacyChangesOperations,
  ...passwordCheckOperations,
];

const PROBLEM = {
  type: 'object',
  description: 'RFC 9457',
  required: ['type', 'title', 'status', 'code'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string' },
    approval: {
      type: 'string',
      description: 'With `approval_needed`: the number of the request that waits.',
    },
  },
};

export function openApiDocument(issuer: string): Json {
  const paths: Record<string, Json> = {};
  const add = (path: string, method: string, operation: Json) => {
    paths[path] = { ...paths[path], [method]: operation };
  };
  for (const route of ROUTES)
    add(route.path.replace(/:(\w+)/g, '{$1}'), route.method.toLowerCase(), describe(route, issuer));
  for (const operation of operations) {
    add(`/admin/api/${operation.name.replaceAll(' ', '/')}`, 'post', {
      summary: operation.summary,
      description: `Role: ${roleFor(operation)}.${operation.danger ? ' Dangerous: somebody else approves it first.' : ''}`,
      tags: ['operator (private listener)'],
      security: [{ operator: [] }],
      requestBody: { content: { 'application/json': { schema: bodyOf(operation) } } },
      responses: { 200: { description: 'Done.' }, ...problemsFor(problemsOf(operation)) },
    });
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Footbridge',
      version: packageFile.version,
      description: 'What a target calls while users move, and what operators do.',
    },
    servers: [{ url: issuer }],
    paths,
    components: {
      schemas: { Problem: PROBLEM },
      securitySchemes: {
        dropInBasic: { type: 'http', scheme: 'basic' },
        dropInBearer: { type: 'http', scheme: 'bearer' },
        dropInKey: { type: 'apiKey', in: 'header', name: 'Authorization' },
        token: {
          type: 'oauth2',
          flows: {
            clientCredentials: {
              tokenUrl: `${issuer}/token`,
              scopes: Object.fromEntries(migrationOperations.map((o) => [o.scope, o.summary])),
            },
          },
        },
        signature: {
          type: 'apiKey',
          in: 'header',
          name: 'ZITADEL-Signature',
          description:
            't=<unix seconds>,v1=<hex HMAC-SHA256 of `t.body`>; 300 s tolerance; each signature serves once.',
        },
        operator: { type: 'http', scheme: 'bearer' },
      },
    },
  };
}

const problemsOf = ({ danger }: Operation) =>
  ['unauthorized', 'bad_request', 'role_needed', ...(danger ? ['approval_needed'] : [])] as ErrorCode[];

const EXECUTE = {
  type: 'boolean',
  default: false,
  description: 'Really do it; without it nothing is changed.',
};

/** What changes something is only rehearsed unless `execute` says otherwise. */
function bodyOf({ input, changes }: Operation): Json {
  const schema = schemaOf(input, 'input');
  return changes ? { ...schema, properties: { ...(schema.properties as Json), execute: EXECUTE } } : schema;
}

/** Those that no access token opens. */
const OWN_SCOPES: readonly string[] = ['signature', 'drop-in'];
/** As the settings of each say. */
const DROP_IN = [{ dropInBasic: [] }, { dropInBearer: [] }, { dropInKey: [] }];
const isSigned = ({ method, scope, takesSignature }: RouteDescription) =>
  method !== 'GET' && takesSignature !== false && scope !== 'drop-in';

function describe(route: RouteDescription, issuer: string): Json {
  const inPath = new Set([...route.path.matchAll(/:(\w+)/g)].map((match) => match[1]));
  const parameters = Object.entries(route.parameters?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: inPath.has(name) ? 'path' : 'query',
    required: true,
    schema: schemaOf(schema as z.ZodType, 'input'),
  }));
  return {
    summary: route.summary,
    tags: [route.path.split('/')[1]],
    servers: [{ url: issuer }],
    security: [
      ...(route.scope === 'drop-in' ? DROP_IN : []),
      ...(OWN_SCOPES.includes(route.scope) ? [] : [{ token: [route.scope] }]),
      ...(isSigned(route) ? [{ signature: [] }] : []),
    ],
    parameters,
    ...(route.request
      ? {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: schemaOf(route.request, 'input') } },
          },
        }
      : {}),
    responses: {
      [route.status ?? 200]: {
        description: route.status === 202 ? 'Taken down.' : 'Done.',
        content: { 'application/json': { schema: schemaOf(route.response, 'output') } },
      },
      ...problemsFor(route.errors),
    },
  };
}

function problemsFor(codes: readonly (keyof typeof ERRORS)[]): Record<string, Json> {
  const byStatus = new Map<number, string[]>();
  for (const code of codes) {
    const [status, sentence] = ERRORS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), `\`${code}\`: ${sentence}`]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, sentences]) => [
      status,
      {
        description: sentences.join(' '),
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]),
  );
}
