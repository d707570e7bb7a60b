/** YAML that people write, checked against a schema: every problem at once, each with file, line, column and path. */
import type { Document } from 'yaml';
import { isAlias, isMap, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import type { z } from 'zod';
import { CALLED_NAMES } from './body.ts';
import { toldOf } from './issue-words.ts';

export interface FileProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
  readonly message: string;
}

export const problemLine = ({ file, line, column, path, message }: FileProblem): string =>
  `${file}:${line}:${column} ${path ? `${path}: ` : ''}${message}`;

type Place = Pick<FileProblem, 'file' | 'line' | 'column'>;

export interface YamlFile {
  readonly document: Document;
  /** Where it is no YAML; nothing else is worth looking at then. */
  readonly problems: FileProblem[];
  at(offset: number): Place;
  /** Of what the path names, or of the closest thing around it that is there. */
  placeOf(path: readonly PropertyKey[]): Place;
  /** Of the key itself, not of what stands there. */
  keyPlaceOf(path: readonly PropertyKey[]): Place;
}

interface WithRange {
  readonly range?: readonly [number, number, number] | null | undefined;
}

export function readYaml(text: string, file: string): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const placeOf = (path: readonly PropertyKey[]): Place => {
    for (let length = path.length; length >= 0; length--) {
      const node = length ? document.getIn(path.slice(0, length), true) : document.contents;
      const range = (node as WithRange | undefined)?.range;
      if (range) return at(range[0]);
    }
    return at(0);
  };
  const keyPlaceOf = (path: readonly PropertyKey[]): Place => {
    const around = path.length > 1 ? document.getIn(path.slice(0, -1), true) : document.contents;
    const items = isMap(around) ? around.items : [];
    const pair = items.find(({ key }) => isScalar(key) && String(key.value) === String(path.at(-1)));
    const range = (pair?.key as WithRange | undefined)?.range;
    return range ? at(range[0]) : placeOf(path);
  };
  const problems = document.errors.map((error) => ({
    ...at(error.pos[0]),
    path: '',
    message: error.code === 'DUPLICATE_KEY' ? twice(text.slice(error.pos[0])) : saidOf(error),
  }));
  return { document, problems, at, placeOf, keyPlaceOf };
}

/**
 * The file as plain data. Undefined, and a problem more, where anchors lead nowhere or would unfold without end, or where it
 * holds what whoever checks it would stumble over.
 */
export function plainOf({ document, problems, at }: YamlFile): unknown {
  const before = problems.length;
  visit(document, {
    Pair(_key, { key }) {
      if (isScalar(key) && CALLED_NAMES.has(String(key.value)))
        problems.push({ ...at(key.range?.[0] ?? 0), path: '', message: `nothing is called ${key.value}` });
    },
  });
  if (problems.length > before) return undefined;
  try {
    return document.toJS() ?? {};
  } catch (error) {
    problems.push({ ...at(strayAlias(document) ?? 0), path: '', message: saidOf(error as Error) });
    return undefined;
  }
}

/** Where the first alias stands that is before its anchor, or has none. */
function strayAlias(document: Document): number | undefined {
  const anchors = new Set<string>();
  let found: number | undefined;
  visit(document, {
    Node(_key, node) {
      if (!isAlias(node)) return void (node.anchor && anchors.add(node.anchor));
      if (anchors.has(node.source)) return undefined;
      found = node.range?.[0];
      return visit.BREAK;
    },
  });
  return found;
}

/** `rest` begins with the key. */
const twice = (rest: string) => `${/^["']?([\w.-]{1,64})/.exec(rest)?.[1] ?? 'this key'} stands there twice`;

/** Of a sentence of the parser's, which may quote a whole file. */
const MAX_SAID = 200;
function saidOf({ message }: Error): string {
  // The parser goes down with the file.
  if (/^Maximum call stack/.test(message)) return 'is nested too deeply';
  return message.length > MAX_SAID ? `${message.slice(0, MAX_SAID)}…` : message;
}

/** What a schema found, told at its places. */
export const problemsAt = (
  { placeOf, keyPlaceOf }: Pick<YamlFile, 'placeOf' | 'keyPlaceOf'>,
  issues: readonly z.core.$ZodIssue[],
): FileProblem[] =>
  toldOf(issues).map(({ path, message, isKey }) => ({
    ...(isKey ? keyPlaceOf(path) : placeOf(path)),
    path: path.join('.'),
    message,
  }));
