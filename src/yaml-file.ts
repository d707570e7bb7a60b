/** YAML that people write, checked against a schema: every problem at once, each with file, line, column and path. */
import type { Document } from 'yaml';
import { isAlias, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import type { z } from 'zod';
import { CALLED_NAMES } from './body.ts';

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
  const problems = document.errors.map((error) => ({
    ...at(error.pos[0]),
    path: '',
    message: saidOf(error),
  }));
  return { document, problems, at, placeOf };
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

/** Of a sentence of the parser's, which may quote a whole file. */
const MAX_SAID = 200;
function saidOf({ message }: Error): string {
  // The parser goes down with the file.
  if (/^Maximum call stack/.test(message)) return 'is nested too deeply';
  return message.length > MAX_SAID ? `${message.slice(0, MAX_SAID)}…` : message;
}

type Issue = z.core.$ZodIssue;

/** What a schema found, told at its places. */
export const problemsAt = ({ placeOf }: Pick<YamlFile, 'placeOf'>, issues: readonly Issue[]): FileProblem[] =>
  flatten(issues).map(({ path, message }) => ({ ...placeOf(path), path: path.join('.'), message }));

/** Unknown keys are named one by one, and a union's problem is that of its closest branch. */
function flatten(
  issues: readonly Issue[],
  prefix: readonly PropertyKey[] = [],
): { path: PropertyKey[]; message: string }[] {
  return issues.flatMap((issue) => {
    const path = [...prefix, ...issue.path];
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({ path: [...path, key], message: 'there is no such setting' }));
    if (issue.code === 'invalid_union' && issue.errors.length > 0) {
      const closest = [...issue.errors].sort(
        (a, b) => strangers(a) - strangers(b) || depth(b) - depth(a),
      )[0]!;
      if (depth(closest) > 0) return flatten(closest, path);
      const sentences = new Set(issue.errors.flat().map(({ message }) => sentenceOf(message)));
      return [{ path, message: [...sentences].join(', or ') }];
    }
    return [{ path, message: sentenceOf(issue.message) }];
  });
}
const sentenceOf = (message: string) => message.replace(/^Invalid input: /, '');
/** Keys that a branch of a union does not know: the fewer, the more likely it was meant. */
const strangers = (issues: readonly Issue[]) =>
  issues.reduce(
    (sum, issue) => sum + (issue.code === 'unrecognized_keys' && !issue.path.length ? issue.keys.length : 0),
    0,
  );
const depth = (issues: readonly Issue[]) => Math.max(0, ...issues.map((issue) => issue.path.length));
