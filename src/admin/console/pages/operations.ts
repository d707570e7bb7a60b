import type { Operation } from '../../operation.ts';
import { operations } from '../../operations/index.ts';
import { mayDo, roleFor } from '../../perform.ts';
import { definePage, doHref } from '../page.ts';

export const operationsPage = definePage({
  path: 'operations',
  title: 'Operations',
  menu: { group: 'Move', order: 90 },
  async load(_desk, { query, who }) {
    const wanted = (query.get('q') ?? '').trim();
    const allowed = operations.filter((operation) => mayDo(who.role, roleFor(operation)));
    const found = allowed.filter((operation) => says(operation, wanted.toLowerCase()));
    const names = [...new Set(found.map(groupOf))].sort();
    return {
      template: 'operations',
      data: {
        wanted,
        hidden: operations.length - allowed.length,
        groups: names.map((name) => ({
          name,
          operations: found.filter((operation) => groupOf(operation) === name).map(shown),
        })),
      },
    };
  },
});

const groupOf = ({ name }: Operation): string => name.split(' ')[0]!;

const says = ({ name, summary }: Operation, wanted: string): boolean =>
  wanted.split(/\s+/).every((word) => `${name} ${summary}`.toLowerCase().includes(word));

const shown = ({ name, summary, changes, danger }: Operation) => ({
  name,
  summary,
  changes,
  isDangerous: danger === true,
  href: doHref(name),
});
