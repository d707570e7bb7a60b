import type { SettingNode } from '../../../config-sources.ts';
import { definePage } from '../page.ts';

/** A word of a path or a sentence. */
const MAX_TEXT = 100;

export const settingsPage = definePage({
  path: 'settings',
  title: 'Settings',
  menu: { group: 'Record', order: 30 },
  async load(desk, { query }) {
    const wanted = (query.get('q') ?? '').trim().slice(0, MAX_TEXT);
    const own = query.get('own') === 'yes';
    const tree = desk.settingsTree?.();
    const shown = tree?.flatMap((node) => fitting(node, { wanted: wanted.toLowerCase(), own }));
    return {
      template: 'settings',
      data: {
        wanted,
        own,
        isKnown: tree !== undefined,
        nodes: shown ?? [],
        isSearched: wanted !== '' || own,
      },
    };
  },
});

interface Asked {
  readonly wanted: string;
  /** Only what is said by the file or the environment. */
  readonly own: boolean;
}

/** With what is around it; all of what is in something that fits by its own name. */
function fitting(node: SettingNode, { wanted, own }: Asked): SettingNode[] {
  const { children, path, says = '', value = '', source } = node;
  const fits = [path, says, value].some((text) => text.toLowerCase().includes(wanted));
  if (!children) return fits && !(own && source?.kind === 'default') ? [node] : [];
  const inner = children.flatMap((child) => fitting(child, { wanted: fits ? '' : wanted, own }));
  return inner.length > 0 ? [{ ...node, children: inner }] : [];
}
