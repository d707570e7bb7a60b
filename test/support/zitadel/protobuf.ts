/**
 * ZITADEL's own description of its API: which HTTP request is which method, and whether a message is one. The server
 * behind the gateway drops unknown fields without a word; here they are reported, so that a misspelt one is noticed.
 */
import type {
  DescMessage,
  DescMethod,
  DescService,
  JsonObject,
  JsonValue,
  Message,
} from '@bufbuild/protobuf';
import { createRegistry, fromJson, getOption, hasOption, toJson } from '@bufbuild/protobuf';
import { http } from '@zitadel/proto/google/api/annotations_pb.js';
import { brokenRule } from './rules.ts';
import { ADDED_ROUTES, PREFIXES, SERVICES } from './services.ts';

export interface Route {
  readonly method: DescMethod;
  readonly verb: string;
  /** `{name}` stands for a parameter. */
  readonly segments: readonly string[];
  /** The field that the body is; `*` for the whole message, empty for none. */
  readonly body: string;
}

export interface Problem {
  readonly kind: 'unknown-field' | 'malformed' | 'rule';
  readonly message: string;
}

/** `/zitadel.user.v2.UserService/AddHumanUser`, as in an Action's `fullMethod`. */
export const fullName = (method: DescMethod) => `/${method.parent.typeName}/${method.name}`;

const registry = createRegistry(...SERVICES);

export const ROUTES: readonly Route[] = SERVICES.flatMap((service) =>
  service.methods.flatMap((method) => routesOf(service, method)),
);

function routesOf(service: DescService, method: DescMethod): Route[] {
  const added = ADDED_ROUTES[fullName(method)];
  const rule = hasOption(method, http) ? getOption(method, http) : undefined;
  const rules = rule ? [rule, ...rule.additionalBindings] : [];
  const found = rules.flatMap(({ pattern, body }) =>
    typeof pattern.value === 'string'
      ? [{ verb: pattern.case!.toUpperCase(), path: pattern.value, body }]
      : [],
  );
  return [...found, ...(added ? [added] : [])].map(({ verb, path, body }) => ({
    method,
    verb,
    body,
    segments: `${PREFIXES[service.typeName] ?? ''}${path}`.split('/').slice(1),
  }));
}

export const methodByName = (name: string): DescMethod | undefined =>
  SERVICES.flatMap(({ methods }) => methods).find((method) => fullName(method) === name);

const isParameter = (segment: string) => segment.startsWith('{');

/** The route of a request, and what its path says; a literal wins over a parameter. */
export function routeOf(
  verb: string,
  path: string,
): { readonly route: Route; readonly parameters: Readonly<Record<string, string>> } | undefined {
  const parts = path.split('/').slice(1);
  const fits = (route: Route) =>
    route.verb === verb &&
    route.segments.length === parts.length &&
    route.segments.every((segment, at) => (isParameter(segment) ? parts[at] !== '' : segment === parts[at]));
  const literals = (route: Route) => route.segments.filter((segment) => !isParameter(segment)).length;
  const route = ROUTES.filter(fits).sort((one, other) => literals(other) - literals(one))[0];
  if (!route) return undefined;
  const named = route.segments.flatMap((segment, at) =>
    isParameter(segment) ? [[segment.slice(1, -1), decodeURIComponent(parts[at]!)]] : [],
  );
  return { route, parameters: Object.fromEntries(named) };
}

/** The JSON of a request message, put together as the gateway does it: body, path, and query for the rest. */
export function requestJson(
  { route, parameters }: NonNullable<ReturnType<typeof routeOf>>,
  given: { readonly body: JsonValue; readonly query: URLSearchParams },
): JsonObject {
  const { method, body } = route;
  const json: JsonObject =
    body === '*' ? { ...(given.body as JsonObject) } : body ? { [body]: given.body } : {};
  if (body !== '*')
    for (const name of new Set(given.query.keys())) put(json, [method.input, name], given.query.getAll(name));
  for (const [name, value] of Object.entries(parameters)) put(json, [method.input, name], [value]);
  return json;
}

function put(json: JsonObject, [schema, path]: [DescMessage, string], values: string[]): void {
  const [name = '', ...rest] = path.split('.');
  const field = schema.fields.find((one) => one.name === name || one.jsonName === name);
  const key = field?.jsonName ?? name;
  if (rest.length && field?.fieldKind === 'message') {
    json[key] ??= {};
    const inner = json[key] as JsonObject;
    put(inner, [field.message, rest.join('.')], values);
  } else if (field?.fieldKind === 'list') json[key] = values;
  else json[key] = values[0] === 'true' ? true : values[0] === 'false' ? false : values[0]!;
}

/** Reads a message to the letter. `problem` says why it is none; `message` is there with an unknown field as well. */
export function readMessage(
  schema: DescMessage,
  json: JsonValue,
): { readonly message?: Message; readonly problem?: Problem } {
  try {
    const message = fromJson(schema, json, { registry });
    const rule = brokenRule(schema, message);
    return rule ? { message, problem: { kind: 'rule', message: rule } } : { message };
  } catch (strict) {
    const why = (strict as Error).message;
    try {
      const message = fromJson(schema, json, { registry, ignoreUnknownFields: true });
      return { message, problem: { kind: 'unknown-field', message: why } };
    } catch {
      return { problem: { kind: 'malformed', message: why } };
    }
  }
}

/** As the gateway writes it: without what has its default value. */
export const writeMessage = (schema: DescMessage, message: Message): JsonObject =>
  toJson(schema, message, { registry }) as JsonObject;

/**
 * What is wrong with a request before it is sent; empty when nothing is. `path` may carry a query.
 * For tests of whoever writes such requests.
 */
export function problemsOf(verb: string, path: string, body?: object): readonly Problem[] {
  const url = new URL(path, 'http://zitadel');
  const found = routeOf(verb, url.pathname);
  if (!found) return [{ kind: 'malformed', message: `no method is at ${verb} ${url.pathname}` }];
  const json = requestJson(found, { body: (body ?? {}) as JsonObject, query: url.searchParams });
  const { problem } = readMessage(found.route.method.input, json);
  return problem ? [problem] : [];
}
