/** What a schema found, told to whoever wrote the file or the command: what is expected there, in our words. */
import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

/** What a schema found, in our words. */
export interface Told {
  readonly path: PropertyKey[];
  readonly message: string;
  /** It is the key that is wrong. */
  readonly isKey?: boolean;
}

/** Unknown keys are named one by one, and a union's problem is that of its closest branch. */
export function toldOf(issues: readonly Issue[], prefix: readonly PropertyKey[] = []): Told[] {
  return issues.flatMap((issue): Told[] => {
    const path = [...prefix, ...issue.path];
    if (issue.code === 'unrecognized_keys') {
      const told = isOurs(issue) ? issue.message.split('\n') : [];
      return issue.keys.map((key, at) => ({
        path: [...path, key],
        message: told[at] ?? NO_SUCH,
        isKey: true,
      }));
    }
    if (issue.code === 'invalid_union' && issue.errors.length > 0 && !isOurs(issue))
      return closestOf(branchesOf(issue.errors), path);
    return [{ path, message: sentenceOf(issue), isKey: issue.code === 'invalid_key' }];
  });
}

type Branch = readonly Issue[];

/** Those of a union in a union count as its own. */
const branchesOf = (branches: readonly Branch[]): Branch[] =>
  branches.flatMap((branch) => {
    const [only, ...more] = branch;
    const isUnion = only?.code === 'invalid_union' && more.length === 0 && only.path.length === 0;
    return isUnion && only.errors.length > 0 ? branchesOf(only.errors) : [branch];
  });

function closestOf(branches: readonly Branch[], path: PropertyKey[]): Told[] {
  const received = receivedBy(branches.flat());
  const ranked = branches
    .filter((branch) => branch.every((issue) => issue.path.length > 0 || fits(issue, received)))
    .sort((a, b) => compare(a, b) || a.length - b.length);
  const closest = ranked[0];
  if (!closest) return [{ path, message: expected(branches.flat()) }];
  const rivals = ranked.filter((branch) => compare(branch, closest) === 0);
  // What else is missing depends on which of them was meant.
  if (rivals.length > 1 && strangers(closest) > 0) return toldOf(closest.filter(isStranger), path);
  if (strangers(closest) > 0 || depth(closest) > 0) return toldOf(closest, path);
  return [{ path, message: [...new Set(rivals.flat().map(sentenceOf))].join(', or ') }];
}

/** The kind of value that was given is one that the branch takes. */
function fits(issue: Issue, received: string | undefined): boolean {
  if (issue.code === 'invalid_value') return issue.values.some((value) => typeof value === received);
  return issue.code !== 'invalid_type' || isNumber(issue.expected, receivedBy([issue]));
}
const isNumber = (wanted: string, received = '') =>
  ['int', 'number'].includes(wanted) && ['number', 'NaN', 'Infinity'].includes(received);

const compare = (a: Branch, b: Branch): number =>
  strangers(a) - strangers(b) || customs(b) - customs(a) || depth(b) - depth(a);
const isStranger = (issue: Issue) => issue.code === 'unrecognized_keys' && issue.path.length === 0;
/** Keys that a branch of a union does not know: the fewer, the more likely it was meant. */
const strangers = (issues: Branch) =>
  issues.reduce(
    (sum, issue) => sum + (issue.code === 'unrecognized_keys' && isStranger(issue) ? issue.keys.length : 0),
    0,
  );
const customs = (issues: Branch) => Number(issues.some(({ code }) => code === 'custom'));
const depth = (issues: Branch) => Math.max(0, ...issues.map((issue) => issue.path.length));

/** Zod's own English begins so; a schema's own words stay. */
const isOurs = ({ message }: Issue) => !/^(?:Invalid|Too big|Too small|Unrecognized)\b/.test(message);
const NO_SUCH = 'there is no such setting';

/** An issue of zod's in our words, without its path. */
export function sentenceOf(issue: Issue): string {
  if (isOurs(issue)) return issue.message;
  switch (issue.code) {
    case 'invalid_type':
    case 'invalid_value':
      return expected([issue]);
    case 'too_big':
      return limit(issue, issue.maximum, issue.inclusive === false ? 'less than' : 'at most');
    case 'too_small':
      return limit(issue, issue.minimum, issue.inclusive === false ? 'more than' : 'at least');
    case 'invalid_format':
      return issue.pattern && issue.format === 'regex'
        ? `expected a text that matches ${issue.pattern}`
        : issue.message.replace(/^Invalid (?:string: )?/, 'expected a valid ');
    case 'not_multiple_of':
      return `expected a multiple of ${issue.divisor}`;
    case 'unrecognized_keys':
      return `${NO_SUCH}: ${issue.keys.join(', ')}`;
    case 'invalid_key':
      return `this name is not possible: ${issue.issues.map(sentenceOf).join(', ')}`;
    case 'invalid_union':
      return issue.errors.length > 0
        ? toldOf([issue])
            .map(({ message }) => message)
            .join(', ')
        : oneOf('options' in issue ? (issue.options ?? []) : []);
    default:
      return 'is not valid';
  }
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a block of settings',
  record: 'a block of settings',
  array: 'a list',
};
const receivedBy = (issues: Branch): string | undefined =>
  issues.map(({ message }) => /received -?(\w+)$/.exec(message)?.[1]).find(Boolean);
const oneOf = (values: readonly unknown[]) =>
  values.length > 1 ? `expected one of ${values.join(', ')}` : `expected ${values.join()}`;

/** Several: of the branches of a union, none of which takes such a value. */
function expected(issues: Branch): string {
  const received = receivedBy(issues);
  if (received === 'undefined') return 'is missing';
  const wanted = issues.flatMap((issue) => {
    if (issue.code === 'invalid_value') return [oneOf(issue.values).replace('expected ', '')];
    return issue.code === 'invalid_type' ? [KINDS[issue.expected] ?? issue.expected] : [];
  });
  const sentence = `expected ${[...new Set(wanted)].join(', or ')}`;
  if (received === 'null') return `has no value: ${sentence}`;
  const isClose = issues.some((issue) => issue.code === 'invalid_type' && fits(issue, received));
  const given = received && !isClose && KINDS[received];
  const remedy = wanted.includes('a text') && ['number', 'boolean'].includes(received ?? '');
  return `${sentence}${given ? `, not ${given}` : ''}${remedy ? ': put it in quotes' : ''}`;
}

function limit(
  { origin, exact }: { readonly origin: string; readonly exact?: boolean | undefined },
  bound: number | bigint,
  words: string,
): string {
  if (['number', 'int', 'bigint'].includes(origin))
    return `expected a number ${words.startsWith('at') ? 'of ' : ''}${words} ${bound}`;
  if (words === 'at least' && Number(bound) === 1) return 'is empty';
  const [what, unit] = origin === 'string' ? ['a text', 'characters'] : ['a list', 'entries'];
  return `expected ${what} of ${exact ? 'exactly' : words} ${bound} ${unit}`;
}

/** For `safeParse`: says what an issue no longer tells, which keys are known and that a choice is not there at all. */
export const telling: z.core.$ZodErrorMap = (issue) => {
  if (issue.code === 'unrecognized_keys') {
    const { shape = {} } = (issue.inst?._zod.def ?? {}) as { readonly shape?: object };
    return issue.keys.map((key) => noSuch(key, Object.keys(shape))).join('\n');
  }
  if (issue.code === 'invalid_value' && issue.input === undefined)
    return `is missing: ${oneOf(issue.values)}`;
  if (issue.code === 'invalid_union' && Array.isArray(issue.options) && issue.discriminator) {
    const chosen = (issue.input as Readonly<Record<string, unknown>>)[String(issue.discriminator)];
    return chosen === undefined ? `is missing: ${oneOf(issue.options)}` : undefined;
  }
  return undefined;
};

const MAX_TYPOS = 2;
function noSuch(key: string, known: readonly string[]): string {
  const typos = (name: string) => distance(key.toLowerCase(), name.toLowerCase());
  const [closest] = known
    .filter((name) => Math.abs(name.length - key.length) <= MAX_TYPOS)
    .map((name) => ({ name, typos: typos(name) }))
    .sort((a, b) => a.typos - b.typos);
  // Of short words, everything is close to everything.
  const isMeant = closest && closest.typos <= Math.min(MAX_TYPOS, key.length / 2);
  return isMeant ? `${NO_SUCH}; did you mean ${closest.name}?` : NO_SUCH;
}

/** Levenshtein's. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries())
      next.push(Math.min(next[j]! + 1, row[j + 1]! + 1, row[j]! + Number(letter !== other)));
    row = next;
  }
  return row[b.length]!;
}
