/** Traits against an identity schema: as much of JSON Schema as ours uses, and Kratos' own extension to it. */
import { badRequest } from './errors.ts';

export interface SchemaNode {
  readonly type?: 'object' | 'string';
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean;
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly 'ory.sh/kratos'?: {
    readonly credentials?: Readonly<Record<string, { readonly identifier?: boolean }>>;
    readonly verification?: { readonly via: 'email' | 'sms' };
    readonly recovery?: { readonly via: 'email' | 'sms' };
  };
}

/** What the schema makes of somebody's traits. */
export interface Read {
  readonly identifiers: readonly string[];
  readonly verifiable: readonly { readonly via: 'email' | 'sms'; readonly value: string }[];
  readonly recovery: readonly { readonly via: 'email' | 'sms'; readonly value: string }[];
}

/** Identifiers and addresses are kept so. */
export const normalized = (text: string) => text.normalize('NFKC').trim().toLowerCase();

const FORMATS: Readonly<Record<string, RegExp>> = {
  email: /^(?=.{1,254}$)[^\s@<>"(),:;[\]\\]{1,64}@[^\s@<>"(),:;[\]\\]+$/,
  tel: /^\+[1-9]\d{7,14}$/,
};

/** Throws badRequest with where and which rule, and the value, as Kratos does. */
export function readTraits(schema: SchemaNode, traits: unknown): Read {
  const read = { identifiers: [] as string[], verifiable: [] as Address[], recovery: [] as Address[] };
  const problems: string[] = [];
  walk(schema.properties!.traits!, traits, {
    at: '/traits',
    rule: '/properties/traits',
    problem: (at, rule, text) => problems.push(`I[#${at}] S[#${rule}] ${text}`),
    read,
  });
  if (problems.length === 1) throw badRequest(problems[0]!);
  if (problems.length > 1) {
    const [first] = /^I\[[^\]]*\] S\[.*?(?=\/\w+\])/.exec(problems[0]!) ?? [];
    throw badRequest([`${first}] validation failed`, ...problems].join('\n  '));
  }
  return read;
}

interface Address {
  readonly via: 'email' | 'sms';
  readonly value: string;
}

interface Walk {
  readonly at: string;
  readonly rule: string;
  readonly problem: (at: string, rule: string, text: string) => void;
  readonly read: { identifiers: string[]; verifiable: Address[]; recovery: Address[] };
}

function walk(node: SchemaNode, value: unknown, here: Walk): void {
  const fail = (keyword: string, text: string) => here.problem(here.at, `${here.rule}/${keyword}`, text);
  const type = Array.isArray(value) ? 'array' : typeof value;
  if (node.type !== undefined && type !== node.type) fail('type', `expected ${node.type}, but got ${type}`);
  else if (type === 'object') walkObject(node, value as Record<string, unknown>, here);
  else walkText(node, String(value), here);
}

function walkText(node: SchemaNode, text: string, here: Walk): void {
  const fail = (keyword: string, problem: string) =>
    here.problem(here.at, `${here.rule}/${keyword}`, problem);
  if (node.minLength !== undefined && text.length < node.minLength)
    fail('minLength', `length must be >= ${node.minLength}, but got ${text.length}`);
  if (node.maxLength !== undefined && text.length > node.maxLength)
    fail('maxLength', `length must be <= ${node.maxLength}, but got ${text.length}`);
  const extension = node['ory.sh/kratos'] ?? {};
  const { format = extension.verification?.via === 'email' ? 'email' : '' } = node;
  if (FORMATS[format] && !FORMATS[format].test(text))
    fail('format', `${JSON.stringify(text)} is not valid "${format}"`);
  if (extension.credentials?.password?.identifier) here.read.identifiers.push(normalized(text));
  if (extension.verification)
    here.read.verifiable.push({ via: extension.verification.via, value: normalized(text) });
  if (extension.recovery) here.read.recovery.push({ via: extension.recovery.via, value: normalized(text) });
}

function walkObject(node: SchemaNode, value: Record<string, unknown>, here: Walk): void {
  const { properties = {}, required = [] } = node;
  const missing = required.filter((name) => value[name] === undefined);
  if (missing.length > 0)
    here.problem(
      here.at,
      `${here.rule}/required`,
      `missing properties: ${missing.map((name) => `"${name}"`).join(', ')}`,
    );
  for (const [name, one] of Object.entries(value)) {
    const inner = properties[name];
    if (inner) {
      walk(inner, one, { ...here, at: `${here.at}/${name}`, rule: `${here.rule}/properties/${name}` });
    } else if (node.additionalProperties === false) {
      here.problem(
        here.at,
        `${here.rule}/additionalProperties`,
        `additionalProperties "${name}" not allowed`,
      );
    }
  }
}
