/** What sync writes to an API: one request with the members that change, which says what they were and which write it is. */
import { isDeepStrictEqual } from 'node:util';
import { FootbridgeError } from '../../../errors.ts';
import type { ApplyOutcome, ColumnsInput, StoreValue } from '../../apply.ts';
import type { Connector } from '../../connector.ts';
import type { Document } from '../../documents.ts';
import { columnsOf, standingAt } from '../../documents.ts';
import { textOf } from '../../values.ts';
import type { Api } from './api.ts';
import { BEFORE, CHANGES } from './apply-settings.ts';
import type { Answer } from './exchange.ts';
import type { HttpSettings } from './http-settings.ts';
import type { Request } from './request-settings.ts';
import type { Json, Values } from './template.ts';
import { fillBody } from './template.ts';

type Apply = NonNullable<HttpSettings['apply']>;

export interface Found {
  readonly document: Document;
  readonly etag: string | undefined;
}

/** `find`: the one record with this id, as the API has it now. */
export function applierTo(
  writer: Api,
  apply: Apply | undefined,
  find: (id: string) => Promise<Found | undefined>,
): Pick<Connector, 'apply'> {
  if (!apply) return {};
  return {
    async apply(input) {
      if (input.remove) return removed(writer, apply, input);
      const { ifMatch } = apply.request;
      const found = ifMatch === undefined ? undefined : await find(input.id);
      if (ifMatch !== undefined && !found) return 'gone';
      // What is compared has to be of the version that the API compares.
      if (found && isChanged(found, input)) return 'changed';
      return changed(writer, apply, { input, version: found && versionOf(found, ifMatch) });
    },
  };
}

const isChanged = ({ document }: Found, { columns }: ColumnsInput) => {
  const present = columnsOf(document);
  return Object.entries(columns).some(
    ([name, { before }]) => before !== undefined && !isDeepStrictEqual(present[name] ?? null, before),
  );
};

/** RFC 9110 section 8.8.3. */
const ENTITY_TAG = /^(?:W\/)?"[^"]*"$/;

/** Throws legacy_unavailable: without it, anything would be written over. */
function versionOf({ document, etag }: Found, ifMatch: Apply['request']['ifMatch']): string {
  const version = typeof ifMatch === 'object' ? textOf(standingAt(document, ifMatch.member)[0]) : etag;
  if (version !== undefined && /^[\x20-\x7e]{1,1000}$/.test(version))
    return ENTITY_TAG.test(version) ? version : `"${version}"`;
  const what = typeof ifMatch === 'object' ? `no ${ifMatch.member}` : 'no ETag';
  throw new FootbridgeError('legacy_unavailable', {
    detail: `http.apply.request.ifMatch: the record has ${what}`,
  });
}

interface Changing {
  readonly input: ColumnsInput;
  readonly version: string | undefined;
}

async function changed(api: Api, { request }: Apply, { input, version }: Changing): Promise<ApplyOutcome> {
  const { id, mark, columns } = input;
  const named = Object.entries(columns);
  const changes = nested(named.map(([path, { after }]) => [path, json(after)]));
  const before = nested(
    named.flatMap(([path, change]) =>
      change.before === undefined ? [] : [[path, json(change.before)] as const],
    ),
  );
  const values = { id, mark };
  const body = filled(request.body ?? CHANGES, { changes, before, values });
  const headers = { 'idempotency-key': mark, ...(version === undefined ? {} : { 'if-match': version }) };
  const { gone, taken, refused, changed: overtaken } = request;
  const also = [...gone, ...taken, ...refused, ...overtaken];
  const answer = await api.ask(bodied(request, body, headers), values, also);
  if (answer && overtaken.includes(answer.status)) return 'changed';
  return outcomeOf(answer, request, 'request');
}

/** The body is filled already: braces in it are somebody's name. */
const bodied = (request: Request, json: Json, headers: Request['headers']): Request => ({
  ...request,
  body: undefined,
  json,
  headers,
});

async function removed(api: Api, { remove }: Apply, { id, mark }: ColumnsInput): Promise<ApplyOutcome> {
  if (!remove) throw new FootbridgeError('not_found', { detail: '`apply.remove` is not configured' });
  const headers = { 'idempotency-key': mark };
  const also = [...remove.gone, ...remove.taken, ...remove.refused];
  return outcomeOf(await api.ask({ ...remove, headers }, { id, mark }, also), remove, 'remove');
}

type Answers = Pick<Apply['request'], 'gone' | 'taken' | 'refused'>;

function outcomeOf(
  answer: Answer | undefined,
  { gone, taken, refused }: Answers,
  what: string,
): ApplyOutcome {
  const refusal = (why: string) =>
    new FootbridgeError('bad_request', { detail: `http.apply.${what}: ${why}` });
  if (!answer) throw refusal('a value that the path cannot name');
  const { status } = answer;
  if (gone.includes(status)) return 'gone';
  if (taken.includes(status))
    throw new FootbridgeError('user_ambiguous', {
      detail: `http.apply.${what}: somebody else has one of these values`,
    });
  if (refused.includes(status)) throw refusal(`the answer is ${status}`);
  return 'applied';
}

/** Members at dotted paths, as objects within objects. */
function nested(members: readonly (readonly [string, Json])[]): Json {
  const root: Record<string, Json> = Object.create(null);
  for (const [path, value] of members) {
    const names = path.split('.');
    const last = names.pop() as string;
    let place = root;
    for (const name of names) {
      const inner = (place[name] ?? Object.create(null)) as Record<string, Json>;
      place[name] = inner;
      place = inner;
    }
    place[last] = value;
  }
  return root;
}

function json(value: StoreValue): Json {
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'bigint' || value instanceof Uint8Array) return textOf(value) ?? null;
  return value as Json;
}

interface Filling {
  readonly changes: Json;
  readonly before: Json;
  readonly values: Values;
}

function filled(body: Json, filling: Filling): Json {
  if (body === CHANGES) return filling.changes;
  if (body === BEFORE) return filling.before;
  if (Array.isArray(body)) return body.map((inner: Json) => filled(inner, filling));
  if (typeof body !== 'object' || body === null) return fillBody(body, filling.values);
  return Object.fromEntries(Object.entries(body).map(([name, inner]) => [name, filled(inner, filling)]));
}
