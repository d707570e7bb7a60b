/**
 * Redirect URIs for one client, put into the configuration file as text: every other byte, comments included, stays as
 * it is, and what comes out must read as the same settings with the URIs added, or nothing is changed.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Scalar, YAMLMap, YAMLSeq } from 'yaml';
import { isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';

export interface ClientUris {
  readonly clientId: string;
  readonly uris: readonly string[];
}

/** The lines for a person to paste. */
export function linesFor({ clientId, uris }: ClientUris): string {
  const lines = ['provider:', '  clients:', `    - clientId: ${clientId}`, '      redirectUris:'];
  return [...lines, ...uris.map((uri) => `        - ${uri}`)].join('\n');
}

type Edited = { readonly text: string } | { readonly problem: string };
interface Insertion {
  readonly at: number;
  readonly text: string;
}

/** The file's text with the URIs in it, or why a person has to do it. */
export function withRedirectUris(text: string, { clientId, uris }: ClientUris): Edited {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  if (document.errors.length > 0) return { problem: 'the file is not YAML' };
  const clients = document.getIn(['provider', 'clients'], true);
  const index = isSeq(clients) ? clients.items.findIndex((item) => isClient(item, clientId)) : -1;
  if (index < 0) return { problem: `the client ${clientId} does not stand there as such` };
  const client = (clients as YAMLSeq).items[index] as YAMLMap;
  const insertion = insertionFor({ text, columnOf: (offset) => lines.linePos(offset).col - 1 }, client, uris);
  if (!insertion) return { problem: 'its redirectUris are written in a way that is left alone' };
  const edited = text.slice(0, insertion.at) + insertion.text + text.slice(insertion.at);
  const wanted = document.toJS() as { provider: { clients: { redirectUris?: string[] }[] } };
  const changed = wanted.provider.clients[index]!;
  changed.redirectUris = [...(changed.redirectUris ?? []), ...uris];
  const after = parseDocument(edited);
  const isAsWanted = after.errors.length === 0 && isDeepStrictEqual(after.toJS(), wanted);
  return isAsWanted ? { text: edited } : { problem: 'the result would not read as intended' };
}

const isClient = (item: unknown, clientId: string) => isMap(item) && item.get('clientId') === clientId;

interface Source {
  readonly text: string;
  columnOf(offset: number): number;
}

function insertionFor(source: Source, client: YAMLMap, uris: readonly string[]): Insertion | undefined {
  const list = client.get('redirectUris', true);
  if (list === undefined) return newList(source, client, uris);
  if (!isSeq(list) || !list.range || list.anchor) return undefined;
  if (list.flow) return intoFlow(source, list, uris);
  const last = list.items.at(-1);
  if (!isScalar(last) || !last.range) return undefined;
  const lineStart = source.text.lastIndexOf('\n', last.range[0]) + 1;
  const dash = /^[ ]*- +/.exec(source.text.slice(lineStart, last.range[0]))?.[0];
  if (dash === undefined) return undefined;
  return linesAfter(
    source,
    last.range[1],
    uris.map((uri) => `${dash}${uri}`),
  );
}

/** In a flow sequence (`[a, b]`): before its bracket. */
function intoFlow({ text }: Source, list: YAMLSeq, uris: readonly string[]): Insertion | undefined {
  const close = list.range![1] - 1;
  const last = list.items.at(-1) as Scalar | undefined;
  const from = last ? last.range?.[1] : list.range![0] + 1;
  if (text[close] !== ']' || from === undefined || text.slice(from, close).trim() !== '') return undefined;
  const added = uris.map((uri) => JSON.stringify(uri)).join(', ');
  return { at: from, text: last ? `, ${added}` : added };
}

function newList(source: Source, client: YAMLMap, uris: readonly string[]): Insertion | undefined {
  const pair = client.items.find(({ key }) => isScalar(key) && key.value === 'clientId');
  const [key, value] = [pair?.key as Scalar | undefined, pair?.value as Scalar | undefined];
  if (client.flow || !key?.range || !value?.range) return undefined;
  const indent = ' '.repeat(source.columnOf(key.range[0]));
  return linesAfter(source, value.range[1], [
    `${indent}redirectUris:`,
    ...uris.map((uri) => `${indent}  - ${uri}`),
  ]);
}

/** Behind the line that this offset is in, and what else stands in it. */
function linesAfter({ text }: Source, offset: number, lines: readonly string[]): Insertion {
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const end = text.indexOf('\n', offset);
  if (end < 0) return { at: text.length, text: lines.map((line) => newline + line).join('') };
  return { at: end + 1, text: lines.map((line) => line + newline).join('') };
}
