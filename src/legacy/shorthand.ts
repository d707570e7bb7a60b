/**
 * The short way to write a store: `{ connector: sql, preset: wordpress, url: mysql://… }`. It is written out in full
 * before anything is checked, so that the rest knows one way only, and `config show` can print it.
 */

import type { ConnectorKind } from './connector.ts';
import { CONNECTORS } from './connectors/index.ts';
import type { Tree } from './presets/index.ts';
import { isTree, overlay, PRESETS, presetsOf } from './presets/index.ts';

/** What cannot be written out stays as it is: the check of the settings then says why. Throws an Error with a sentence. */
export function writeOut(legacy: unknown): unknown {
  if (!isTree(legacy)) return legacy;
  if (Array.isArray(legacy.stores)) return { ...legacy, stores: legacy.stores.map(writeOutStore) };
  return writeOutStore(legacy);
}

function writeOutStore(store: unknown): unknown {
  if (!isTree(store)) return store;
  const { url, ...own } = store;
  const { preset, parameters, connector } = store;
  const below = presetsBelow([preset].flat(), isTree(parameters) ? parameters : {});
  const [name, kind] =
    Object.entries<ConnectorKind>(CONNECTORS).find(([key]) =>
      connector === undefined ? key in below || key in own : key === connector,
    ) ?? [];
  // Without a way in that takes a URL, the check of the settings says so.
  if (typeof url !== 'string' || !name || !kind?.fromUrl) return overlay(below, store);
  return overlay(overlay(below, { [name]: kind.fromUrl(url) }), own);
}

/** Several are laid one over the other; the first gives the store its name. */
function presetsBelow(names: readonly unknown[], parameters: Tree): Tree {
  const known = names.filter((name) => typeof name === 'string' && PRESETS.includes(name)) as string[];
  if (known.length === 0) return {};
  return presetsOf(known, parameters).reduce(overlay, { store: known[0] });
}
