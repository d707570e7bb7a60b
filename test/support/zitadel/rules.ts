/** The `validate` rules of ZITADEL's messages (protoc-gen-validate), which its server checks before anything else. */
import type { DescField, DescMessage, DescOneof, Message } from '@bufbuild/protobuf';
import { getOption, hasOption } from '@bufbuild/protobuf';
import type { ReflectMessage } from '@bufbuild/protobuf/reflect';
import { reflect } from '@bufbuild/protobuf/reflect';
import type { FieldRules } from '@zitadel/proto/validate/validate_pb.js';
import { required as oneofRequired, rules } from '@zitadel/proto/validate/validate_pb.js';

/** The first rule that is broken, in the generator's words; undefined when none is. */
export function brokenRule(schema: DescMessage, message: Message): string | undefined {
  return inMessage(reflect(schema, message));
}

function inMessage(message: ReflectMessage): string | undefined {
  for (const oneof of message.desc.oneofs) {
    if (isRequired(oneof) && !message.oneofCase(oneof)) return said(message, oneof.name, 'value is required');
  }
  for (const field of message.fields) {
    const broken = inField(message, field);
    if (broken) return broken;
  }
  return undefined;
}

const isRequired = (oneof: DescOneof) => hasOption(oneof, oneofRequired) && getOption(oneof, oneofRequired);
const said = (message: ReflectMessage, name: string, what: string) =>
  `invalid ${message.desc.name}.${pascal(name)}: ${what}`;
const pascal = (name: string) =>
  name.replace(/(?:^|_)([a-z0-9])/g, (_all, letter: string) => letter.toUpperCase());

function inField(message: ReflectMessage, field: DescField): string | undefined {
  const wanted = hasOption(field, rules) ? getOption(field, rules) : undefined;
  const isSet = message.isSet(field);
  if (wanted?.message?.required && !isSet) return said(message, field.name, 'value is required');
  // Fields with presence of their own are looked at only when they are there.
  if ((field.oneof || field.proto.proto3Optional) && !isSet) return undefined;
  if (field.fieldKind === 'message') {
    if (!isSet) return undefined;
    const broken = wanted ? duration(wanted, message.get(field)) : undefined;
    return broken ? said(message, field.name, broken) : inMessage(message.get(field));
  }
  if (field.fieldKind === 'list') return inList(message, field, wanted);
  if (field.fieldKind === 'map' || !wanted) return undefined;
  const broken = scalar(wanted, message.get(field));
  return broken && said(message, field.name, broken);
}

function inList(
  message: ReflectMessage,
  field: DescField & { fieldKind: 'list' },
  wanted: FieldRules | undefined,
): string | undefined {
  const items = [...message.get(field)] as unknown[];
  const rule = wanted?.type.case === 'repeated' ? wanted.type.value : undefined;
  if (rule?.minItems && items.length < Number(rule.minItems))
    return said(message, field.name, `value must contain at least ${rule.minItems} item(s)`);
  if (rule?.maxItems && items.length > Number(rule.maxItems))
    return said(message, field.name, `value must contain no more than ${rule.maxItems} item(s)`);
  if (rule?.unique && new Set(items).size < items.length)
    return said(message, field.name, 'repeated value must contain unique items');
  for (const item of items) {
    const broken =
      field.listKind === 'message'
        ? inMessage(item as ReflectMessage)
        : rule?.items && scalar(rule.items, item);
    if (broken) return broken.startsWith('invalid ') ? broken : said(message, field.name, broken);
  }
  return undefined;
}

function scalar({ type }: FieldRules, value: unknown): string | undefined {
  switch (type.case) {
    case 'string':
      return text(type.value, String(value));
    case 'bytes':
      return length(type.value, (value as Uint8Array).length, 'bytes');
    case 'bool':
      return type.value.const !== false && type.value.const !== value
        ? `value must equal ${type.value.const}`
        : undefined;
    case 'enum':
      return type.value.notIn.includes(Number(value))
        ? `value must not be in list [${type.value.notIn}]`
        : undefined;
    case 'uint32':
    case 'int32':
    case 'uint64':
    case 'int64':
      return number(type.value, Number(value));
    default:
      return undefined;
  }
}

interface Lengths {
  readonly minLen: bigint;
  readonly maxLen: bigint;
}

function length({ minLen, maxLen }: Lengths, actual: number, unit: string): string | undefined {
  if (actual >= Number(minLen) && (!maxLen || actual <= Number(maxLen))) return undefined;
  if (minLen && maxLen) return `value length must be between ${minLen} and ${maxLen} ${unit}, inclusive`;
  return maxLen
    ? `value length must be at most ${maxLen} ${unit}`
    : `value length must be at least ${minLen} ${unit}`;
}

interface TextRule extends Lengths {
  readonly prefix: string;
  readonly pattern: string;
  readonly ignoreEmpty: boolean;
  readonly in: readonly string[];
  readonly wellKnown: { readonly case: string | undefined };
}

function text(rule: TextRule, value: string): string | undefined {
  if (rule.ignoreEmpty && value === '') return undefined;
  const tooLong = length(rule, [...value].length, 'runes');
  if (tooLong) return tooLong;
  if (rule.prefix && !value.startsWith(rule.prefix)) return `value does not have prefix "${rule.prefix}"`;
  if (rule.pattern && !new RegExp(rule.pattern, 'u').test(value))
    return `value does not match regex pattern "${rule.pattern}"`;
  if (rule.in.length && !rule.in.includes(value)) return `value must be in list [${rule.in}]`;
  if (rule.wellKnown.case === 'email' && !/^[^@\s<>]+@[^@\s<>]+$/.test(value))
    return "value must be a valid email address | caused by: mail: missing '@' or angle-addr";
  if (
    (rule.wellKnown.case === 'uri' || rule.wellKnown.case === 'uriRef') &&
    !URL.canParse(value, rule.wellKnown.case === 'uriRef' ? 'http://x' : undefined)
  )
    return 'value must be a valid URI';
  return undefined;
}

interface NumberRule {
  readonly lt?: number | bigint;
  readonly lte?: number | bigint;
  readonly gt?: number | bigint;
  readonly gte?: number | bigint;
}

/** Zero means that the bound was not given. */
function number({ lt, lte, gt, gte }: NumberRule, value: number): string | undefined {
  if (lt && value >= Number(lt)) return `value must be less than ${lt}`;
  if (lte && value > Number(lte)) return `value must be less than or equal to ${lte}`;
  if (gt && value <= Number(gt)) return `value must be greater than ${gt}`;
  if (gte && value < Number(gte)) return `value must be greater than or equal to ${gte}`;
  return undefined;
}

interface Seconds {
  readonly seconds: bigint;
  readonly nanos: number;
}
const nanos = (value: Seconds) => value.seconds * 1_000_000_000n + BigInt(value.nanos);

function duration({ type }: FieldRules, value: ReflectMessage): string | undefined {
  if (type.case !== 'duration') return undefined;
  const { lt, lte, gt, gte, const: exactly } = type.value;
  const given = nanos(value.message as unknown as Seconds);
  const bounds = { lt, lte, gt, gte, exactly };
  const isBroken =
    (lt && given >= nanos(lt)) ||
    (lte && given > nanos(lte)) ||
    (gt && given <= nanos(gt)) ||
    (gte && given < nanos(gte)) ||
    (exactly && given !== nanos(exactly));
  const named = Object.entries(bounds).flatMap(([name, bound]) =>
    bound ? [`${name} ${bound.seconds}s`] : [],
  );
  return isBroken ? `value must be ${named.join(' and ')}` : undefined;
}
