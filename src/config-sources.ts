/**
 * Where each setting comes from: a line of the file, a variable of the environment, or our default. Kept beside the settings
 * when they are read, for whoever shows them. No secret is in it.
 */
import type { YamlFile } from './yaml-file.ts';

export interface SettingSource {
  /** `nearby`: a preset, a URL or an anchor that stands there brings it along. */
  readonly kind: 'file' | 'nearby' | 'default';
  /** `footbridge.yaml:12`; of what has a place in the file. */
  readonly at?: string;
  /** The variables that are in it, by name. */
  readonly variables: readonly { readonly name: string; readonly isSet: boolean }[];
}

/** A setting with a value of its own, or with settings in it. */
export interface SettingNode {
  readonly name: string;
  /** `provider.clients.0.clientId`. */
  readonly path: string;
  readonly says?: string;
  /** A secret is `[secret]`. */
  readonly value?: string;
  readonly source?: SettingSource;
  readonly children?: readonly SettingNode[];
}

/** A place in the file. */
export interface Spot {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}
type Place = Omit<SettingSource, 'kind'> & { readonly isThere: boolean; readonly spot: Spot };
type Path = readonly (string | number)[];

interface Kept {
  /** As it was read: variables filled in, presets written out. */
  readonly tree: unknown;
  readonly places: ReadonlyMap<string, Place>;
}

/** For as long as somebody has the settings, and for nobody else. */
const kept = new WeakMap<object, Kept>();

export interface Read {
  readonly yaml: Pick<YamlFile, 'document' | 'placeOf'>;
  readonly tree: unknown;
  readonly env: NodeJS.ProcessEnv;
  readonly secrets: ReadonlySet<string>;
}

export function keepSources(settings: object, { tree, secrets, ...written }: Read): void {
  const places = new Map<string, Place>();
  notePlaces(tree, [], (path) => places.set(path.join('.'), placeOf(path, written)));
  kept.set(settings, { tree: masked(tree, secrets), places });
}

/** Where a setting stands, or what it is in; undefined: the settings were not read from a file. */
export function spotOf(settings: object, path: Path): Spot | undefined {
  const places = kept.get(settings)?.places;
  for (let length = path.length; places && length >= 0; length -= 1) {
    const place = places.get(path.slice(0, length).join('.'));
    if (place) return place.spot;
  }
  return undefined;
}

const isGroup = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
/** A list of plain values is one setting, however long it is. */
const isList = (value: unknown): value is readonly unknown[] =>
  Array.isArray(value) && value.some((one) => typeof one === 'object' && one !== null);

function notePlaces(value: unknown, path: Path, note: (path: Path) => void): void {
  note(path);
  if (isGroup(value))
    for (const [key, inner] of Object.entries(value)) notePlaces(inner, [...path, key], note);
  if (isList(value)) for (const [index, inner] of value.entries()) notePlaces(inner, [...path, index], note);
}

const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-[^}]*)?\}/g;

/** What was written is looked at for the names in it only: a value may be a secret. */
function placeOf(path: Path, { yaml, env }: Pick<Read, 'yaml' | 'env'>): Place {
  const { file, line, column } = yaml.placeOf(path);
  const node = path.length > 0 ? yaml.document.getIn(path, true) : yaml.document.contents;
  const names = [...variablesIn(node)];
  return {
    at: `${file}:${line}`,
    spot: { file, line, column },
    isThere: node !== undefined && node !== null,
    variables: names.map((name) => ({ name, isSet: env[name] !== undefined })),
  };
}

/** Of a value, or of the values of a list. */
function variablesIn(node: unknown): Set<string> {
  const { source, items = [] } = (node ?? {}) as { source?: unknown; items?: readonly unknown[] };
  const own = typeof source === 'string' ? [...source.matchAll(VARIABLE)].map(([, name = '']) => name) : [];
  const inner = items.flatMap((item) => (isPair(item) ? [] : [...variablesIn(item)]));
  return new Set([...own, ...inner]);
}
const isPair = (item: unknown) => typeof item === 'object' && item !== null && 'key' in item;

export const HIDDEN = '[secret]';
/** Shorter ones could be a part of any word: they are hidden where they are all of a value. */
const MIN_PART = 12;
const IN_URL = /(:\/\/[^/@\s:]*:)[^/@\s]+@/g;

/** Plain data without any of these, also where one is only a part of a text, or stands in a URL. */
export function masked(value: unknown, secrets: ReadonlySet<string>): unknown {
  if (Array.isArray(value)) return value.map((inner) => masked(inner, secrets));
  if (isGroup(value))
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, masked(inner, secrets)]));
  if (secrets.has(String(value))) return HIDDEN;
  if (typeof value !== 'string') return value;
  let text = value;
  for (const secret of secrets) if (secret.length >= MIN_PART) text = text.replaceAll(secret, HIDDEN);
  return text.replace(IN_URL, `$1${HIDDEN}@`);
}

/** JSON Schema, as far as `z.toJSONSchema` writes it. */
interface Schema {
  readonly $ref?: string;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly description?: string;
  readonly default?: unknown;
  readonly minLength?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
}

/** Deeper, or more of them, are no settings that anybody could read. */
const MAX_DEPTH = 16;
const MAX_NODES = 5_000;
const MAX_VALUES = 20;
const MAX_TEXT = 300;

/**
 * Every setting that has a value, in the order of the schema: what the file says, and our defaults for the rest. Undefined:
 * the settings were not read from a file. `schema` is that of the file.
 */
export function settingsTree(settings: object, schema: object): readonly SettingNode[] | undefined {
  const known = kept.get(settings);
  if (!known) return undefined;
  const { definitions = {} } = schema as { readonly definitions?: Readonly<Record<string, Schema>> };
  let left = MAX_NODES;

  const node = (path: Path, value: unknown, given: Schema | undefined, isDefault: boolean): SettingNode => {
    left -= 1;
    const shape = shapeOf(given, value, definitions);
    const key = path.join('.');
    const children =
      path.length < MAX_DEPTH && !isSecret(shape) ? childrenOf(path, value, shape, isDefault) : [];
    const says = given?.description ?? shape?.description;
    const isWhole = isGroup(value) || isList(value);
    return {
      name: String(path.at(-1) ?? ''),
      path: key,
      ...(says === undefined ? {} : { says }),
      ...(isWhole && !isSecret(shape) && children.length > 0
        ? {}
        : { value: isSecret(shape) ? secretWords(value) : words(value) }),
      ...(isWhole && children.length > 0 ? {} : { source: sourceOf(known.places.get(key), isDefault) }),
      ...(children.length > 0 ? { children } : {}),
    };
  };
  const childrenOf = (path: Path, value: unknown, shape: Schema | undefined, isDefault: boolean) => {
    if (isList(value)) {
      const found = value
        .slice(0, Math.max(0, left))
        .map((inner, index) => node([...path, index], inner, shape?.items, isDefault));
      return found.map((one, index) => named(one, value[index]));
    }
    if (!isGroup(value)) return [];
    const { properties = {}, additionalProperties: more } = shape ?? {};
    const others = Object.keys(value).filter((name) => !Object.hasOwn(properties, name));
    const found: SettingNode[] = [];
    for (const [name, own] of Object.entries(properties)) {
      const isGiven = Object.hasOwn(value, name);
      if (left <= 0 || (!isGiven && own.default === undefined)) continue;
      found.push(node([...path, name], isGiven ? value[name] : own.default, own, isDefault || !isGiven));
    }
    for (const name of others)
      if (left > 0)
        found.push(
          node([...path, name], value[name], typeof more === 'object' ? more : undefined, isDefault),
        );
    return found;
  };
  return childrenOf([], known.tree, schema as Schema, false);
}

/** Which of the places in a list it is says less than its name. */
function named(one: SettingNode, value: unknown): SettingNode {
  if (!isGroup(value)) return one;
  const name = ['name', 'clientId', 'store', 'target', 'id', 'kind'].map((key) => value[key]).find(isText);
  return name === undefined ? one : { ...one, name: `${one.name}: ${name}` };
}
const isText = (value: unknown): value is string => typeof value === 'string' && value !== HIDDEN;

function sourceOf(place: Place | undefined, isDefault: boolean): SettingSource {
  if (isDefault || !place) return { kind: 'default', variables: [] };
  const { isThere, spot: _spot, ...rest } = place;
  return { kind: isThere ? 'file' : 'nearby', ...rest };
}

/** A secret in the settings is a text or a file that holds it. */
const isSecret = (shape: Schema | undefined): boolean =>
  shape?.anyOf?.some(({ properties }) => properties?.file && Object.keys(properties).length === 1) === true &&
  shape.anyOf.some(({ type }) => type === 'string');

const secretWords = (value: unknown): string =>
  isGroup(value) && typeof value.file === 'string' ? `${HIDDEN} of the file ${value.file}` : HIDDEN;

function words(value: unknown): string {
  if (!Array.isArray(value)) return isGroup(value) ? 'none' : cut(value === null ? 'nothing' : String(value));
  const all: readonly unknown[] = value;
  const more = all.length > MAX_VALUES ? ` and ${(all.length - MAX_VALUES).toLocaleString('en')} more` : '';
  if (isList(value)) return `${all.length.toLocaleString('en')} of them`;
  return all.length === 0 ? 'none' : cut(all.slice(0, MAX_VALUES).map(String).join(', ')) + more;
}
/** As of a decoy: nobody's, and no business of a page all the same. */
const HASH = /^\$(?:2[abxy]|argon2\w+|scrypt|pbkdf2[\w-]*|bcrypt[\w-]*|[1567y])\$/;
const cut = (text: string) => {
  if (HASH.test(text)) return '[hash]';
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
};

type Definitions = Readonly<Record<string, Schema>>;

/** What a reference, or of several branches the one that the value was written for, says. A secret's branches stay. */
function shapeOf(schema: Schema | undefined, value: unknown, definitions: Definitions): Schema | undefined {
  if (!schema || isSecret(schema)) return schema;
  if (schema.$ref) return shapeOf(definitions[schema.$ref.split('/').at(-1) ?? ''], value, definitions);
  if (schema.allOf?.length === 1) return shapeOf(schema.allOf[0], value, definitions);
  const branches = schema.anyOf ?? schema.oneOf;
  if (!branches) return schema;
  const ranked = branches
    .map((branch) => shapeOf(branch, value, definitions))
    .map((shape) => ({ shape, rank: rankOf(shape, value) }))
    .toSorted((a, b) => b.rank - a.rank);
  return ranked[0]?.shape;
}

/** The more of the value a branch knows, the more likely it was meant. */
function rankOf(shape: Schema | undefined, value: unknown): number {
  if (Array.isArray(value)) return shape?.type === 'array' ? 1 : -1;
  if (!isGroup(value)) return isSecret(shape) ? 2 : shape?.properties || shape?.items ? -1 : 1;
  if (!shape?.properties) return shape?.additionalProperties ? 0 : -1_000;
  const { properties } = shape;
  const keys = Object.keys(value);
  const isOther = Object.entries(properties).some(
    ([name, own]) => own.const !== undefined && Object.hasOwn(value, name) && own.const !== value[name],
  );
  const knows = keys.filter((key) => Object.hasOwn(properties, key)).length;
  return (isOther ? -1_000 : 0) + knows - 10 * (keys.length - knows);
}
