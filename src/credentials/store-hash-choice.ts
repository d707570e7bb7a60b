/** Which layout a store's hash is written in: as it has it of this person, as its format's name says, or the first that is read. */
import { isDeepStrictEqual } from 'node:util';
import type { StoredPassword } from '../user.ts';
import type { Format } from './format.ts';
import { formatNamed } from './format-names.ts';
import type { ParsedHash } from './hash.ts';
import type { Refusal } from './reasons.ts';
import { isRefusal, refuse } from './reasons.ts';
import type { Source } from './source.ts';
import { sourceOf } from './source.ts';
import type { Layout, Wish, Writing } from './store-hash-layout.ts';
import { LAYOUTS } from './store-hash-layouts.ts';

export interface Chosen {
  readonly layout: Layout;
  readonly wish: Wish;
  /** What the store has of this layout. */
  readonly kept: ParsedHash | undefined;
  /** With a new salt, and a digest that is still to be derived. */
  readonly template: ParsedHash;
  /** The template as the format reads it: with what the store does to the password first. */
  readonly read: ParsedHash;
  /** A text of this layout, as the format reads it for this person. */
  readonly reader: (text: string) => ParsedHash | Refusal;
}

/** A row of the store, with another text in its column. */
type Row = (columns: Readonly<Record<string, unknown>>) => StoredPassword;

export function choose(writing: Writing, stored: readonly StoredPassword[]): Chosen | Refusal {
  const format = formatNamed(writing.format);
  if (!format) return refuse(writing.format === 'auto' ? 'format_unwritable' : 'unknown_format');
  const wishWith = (settings: StoredPassword['settings']): Wish => ({
    format: format.name,
    settings: { ...settings, ...writing.settings },
  });
  const layouts = layoutsFor(format.name);
  for (const one of stored) {
    const wish = wishWith(one.settings);
    const { settings } = wish;
    const source = sourceOf({ ...one, settings });
    const kept = format.parse(source);
    const column = columnOf(one, source.hash);
    if (isRefusal(kept)) continue;
    const row: Row = (columns) => ({
      ...one,
      settings,
      columns:
        column === undefined || !('text' in columns)
          ? { ...one.columns, ...columns }
          : { ...one.columns, [column]: columns.text },
    });
    const isOwn = ({ mark, owns }: Layout) =>
      owns?.(kept) ?? (source.hash !== undefined && mark.test(source.hash));
    const own = layouts.filter(isOwn);
    const others = layouts.filter((layout) => !own.includes(layout));
    if (column === undefined && !layouts.some(({ columns }) => columns)) continue;
    const found = firstOf([...own, ...others], { format, wish, row }, kept);
    if (found) return found;
  }
  return chooseForAnybody(format, layouts, wishWith(stored[0]?.settings));
}

interface Reading {
  readonly format: Format;
  readonly wish: Wish;
  readonly row: Row;
}

/** Of somebody who has none: what the format reads without a look at anything else of the row. */
function chooseForAnybody(format: Format, layouts: readonly Layout[], wish: Wish): Chosen | Refusal {
  const { settings } = wish;
  const row: Row = (columns) => ({
    format: format.name,
    settings,
    columns: 'text' in columns ? { hash: columns.text } : columns,
  });
  const found = firstOf(layouts, { format, wish, row }, undefined);
  if (!found) return refuse(probed(format, layouts, wish) ? 'columns_needed' : whyNot(format, row));
  const text = found.layout.write(found.template, wish)!;
  const source = sourceOf(row(columnsOf(found.layout, text)));
  return found.layout.columns || !looksAround(format, source) ? found : refuse('columns_needed');
}

/** Whether it could be, for somebody with a name and a salt. */
export function probed(format: Format, layouts: readonly Layout[], wish: Wish): Chosen | undefined {
  const row: Row = ({ text }) => ({
    format: format.name,
    settings: wish.settings,
    columns: { hash: text, salt: '0123456789abcdef' },
    username: 'somebody',
  });
  return firstOf(layouts, { format, wish, row }, undefined);
}

/** Whether reading this asks for anything but the hash and what is the same for everybody. */
function looksAround(format: Format, source: Source): boolean {
  let looked = false;
  const look = <T>(value: T): T => {
    looked = true;
    return value;
  };
  format.parse({
    hash: source.hash,
    setting: source.setting,
    get salt() {
      return look(source.salt);
    },
    get username() {
      return look(source.username);
    },
    get columns() {
      return look(source.columns);
    },
    column: (name) => look(source.column(name)),
  });
  return looked;
}

function whyNot(format: Format, row: Row): 'setting_missing' | 'format_unwritable' {
  const read = format.parse(sourceOf(row({ text: EMPTY })));
  return isRefusal(read) && read.reason === 'setting_missing' ? 'setting_missing' : 'format_unwritable';
}

/** A hash that most formats read as far as they look at one: for what they say they lack. */
const EMPTY = `$2b$10$${'.'.repeat(53)}`;

/** Whom the name means first; then in the order of the list. */
export function layoutsFor(format: string): readonly Layout[] {
  const fit = LAYOUTS.filter(({ formats }) => formats?.test(format) ?? true);
  const isMeant = ({ hint }: Layout) => hint?.test(format) ?? false;
  return [...fit.filter(isMeant), ...fit.filter((layout) => !isMeant(layout))];
}

/** The first that the format reads as it was meant: the same computation, and the digest where it belongs. */
function firstOf(
  layouts: readonly Layout[],
  { format, wish, row }: Reading,
  kept: ParsedHash | undefined,
): Chosen | undefined {
  for (const layout of layouts) {
    const template = layout.fresh(kept, wish);
    const text = layout.write(template, wish);
    if (text === undefined) continue;
    const reader = (written: string) => format.parse(sourceOf(row(columnsOf(layout, written))));
    const read = reader(text);
    if (!isRefusal(read) && isSame(template, read)) return { layout, wish, kept, template, read, reader };
  }
  return undefined;
}

const columnsOf = (layout: Layout, text: string): Readonly<Record<string, unknown>> =>
  layout.columns?.(text) ?? { text };

/** The column that the hash was read from. */
function columnOf({ columns }: StoredPassword, hash: string | undefined): string | undefined {
  return Object.entries(columns).find(([, value]) => {
    const text = value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : value;
    return hash !== undefined && text === hash;
  })?.[0];
}

/** The same digest by the same computation, whatever is done to the password before; the salt may be completed by a site key. */
export function isSame(one: ParsedHash, other: ParsedHash): boolean {
  return (
    one.algorithm === other.algorithm &&
    isDeepStrictEqual(computed(one), computed(other)) &&
    Buffer.from(one.digest).equals(other.digest)
  );
}

function computed({ parameters }: ParsedHash): object {
  const { variant, saysRounds: _, initial, ...costs } = parameters as Record<string, unknown>;
  return {
    ...costs,
    ...(String(variant).startsWith('2') ? {} : { variant }),
    initial: [...((initial as Uint8Array) ?? [])],
  };
}
