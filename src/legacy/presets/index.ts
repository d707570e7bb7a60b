/**
 * Presets: what is known beforehand of a framework's user store. A preset is data: a YAML file in this folder with a
 * part of a store's settings, over which the operator's own are laid. `${name:-default}` in it is a parameter, set
 * under `parameters` (a table prefix, say).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

const FOLDER = import.meta.dirname;

export const PRESETS: readonly string[] = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => name.replace(/\.yaml$/, ''))
  .sort();

export type Tree = Readonly<Record<string, unknown>>;

/** What presets say, with their parameters filled in. Throws an Error that names a parameter that none of them has. */
export function presetsOf(names: readonly string[], parameters: Tree = {}): Tree[] {
  const known = new Set<string>();
  const trees = names.map((name) => fill(parse(readFileSync(join(FOLDER, `${name}.yaml`), 'utf8'))) as Tree);
  const unknown = Object.keys(parameters).filter((parameter) => !known.has(parameter));
  if (unknown.length === 0) return trees;
  const has = [...known].join(', ') || 'none';
  throw new Error(`the preset ${names.join(', ')} has no parameter ${unknown.join(', ')}; it has ${has}`);

  function fill(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(fill);
    if (isTree(value))
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fill(inner)]));
    if (typeof value !== 'string') return value;
    return value.replace(PARAMETER, (_all, parameter: string, fallback: string) => {
      known.add(parameter);
      return String(parameters[parameter] ?? fallback);
    });
  }
}

const PARAMETER = /\$\{(\w+):-([^}]*)\}/g;

export const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The second laid over the first: trees are merged, null takes away what is below, everything else is replaced. */
export function overlay(below: Tree, above: Tree): Tree {
  const gone = new Set(Object.keys(below).filter((key) => above[key] === null));
  const merged = Object.entries({ ...below, ...above }).map(([key, value]) => {
    const under = below[key];
    return [key, isTree(under) && isTree(value) ? overlay(under, value) : value] as const;
  });
  return Object.fromEntries(merged.filter(([key]) => !gone.has(key)));
}
