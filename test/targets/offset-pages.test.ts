import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OffsetList } from '../../src/targets/offset-pages.ts';
import { offsetPage } from '../../src/targets/offset-pages.ts';

/** A list in the order of its names; `changes` happen to it between pages. */
function listOf(
  names: Iterable<string>,
  maxPage = 1_000,
): OffsetList<string> & { names: Set<string>; calls: number } {
  const list = {
    names: new Set(names),
    calls: 0,
    maxPage,
    idOf: (name: string) => name,
    async at(offset: number, limit: number) {
      list.calls++;
      expect(limit).toBeLessThanOrEqual(maxPage);
      return [...list.names].sort().slice(offset, offset + limit);
    },
  };
  return list;
}

async function everybody(
  list: OffsetList<string>,
  limit: number,
  between: (page: number) => void = () => undefined,
): Promise<string[]> {
  const told: string[] = [];
  let after: string | undefined;
  for (let page = 1; page < 1_000; page++) {
    const { items, next } = await offsetPage(list, { limit, ...(after !== undefined && { after }) });
    told.push(...items);
    if (next === undefined) return told;
    after = next;
    between(page);
  }
  throw new Error('it never ends');
}

const named = (count: number, prefix = 'n') =>
  Array.from({ length: count }, (_none, n) => `${prefix}${String(n).padStart(5, '0')}`);

describe('the pages of a list', () => {
  test.each([0, 1, 49, 50, 51, 500])('of %i members tell each once', async (count) => {
    const names = named(count);
    expect(await everybody(listOf(names), 50)).toEqual(names);
  });

  test('are no larger than its owner allows, however many are asked for', async () => {
    const names = named(300);
    expect(await everybody(listOf(names, 100), 5_000)).toEqual(names);
  });

  test('go on where one ended, in another process', async () => {
    const { items, next } = await offsetPage(listOf(named(30)), { limit: 10 });
    const rest = await offsetPage(listOf(named(30)), { limit: 100, after: next! });
    expect([...items, ...rest.items]).toEqual(named(30));
  });

  test.each([
    ['nothing', ''],
    ['a word', 'x'],
    ['a mark that is too short', '1.short.'],
    ['a place before the first one', '-1..'],
    ['more than is read', `5.${'a'.repeat(2_000)}.`],
    ['too many marks', `1.${'a'.repeat(8 * 33)}.`],
  ])('do not begin at %s', async (_what, after) => {
    await expect(offsetPage(listOf([]), { after, limit: 10 })).rejects.toMatchObject({ code: 'bad_request' });
  });
});

describe('those who stay are told once', () => {
  test('though everybody before them leaves', async () => {
    const list = listOf(named(500));
    const leaving = named(500).slice(0, 80);
    const told = await everybody(list, 50, (page) => {
      if (page === 2) for (const name of leaving) list.names.delete(name);
    });
    expect(told).toEqual(named(500));
  });

  test('though more than a page of them come before', async () => {
    const list = listOf(named(500));
    const told = await everybody(list, 50, (page) => {
      if (page === 3) for (const name of named(700, 'a')) list.names.add(name);
    });
    expect(told).toEqual(named(500));
  });

  test('though the list gets so short that the next page would be behind its end', async () => {
    const list = listOf(named(500));
    const told = await everybody(list, 50, (page) => {
      if (page === 4) for (const name of named(170)) list.names.delete(name);
      if (page === 4) for (const name of named(500).slice(210)) list.names.delete(name);
    });
    expect(told).toEqual(named(210));
  });

  test('whatever comes and goes, as long as it is not the whole end of a page', async () => {
    const script = fc.array(
      fc.record({ add: fc.array(fc.nat(9_999)), drop: fc.array(fc.nat(199), { maxLength: 40 }) }),
      { maxLength: 30 },
    );
    const names = named(200);
    await fc.assert(
      fc.asyncProperty(script, fc.integer({ min: 5, max: 60 }), async (steps, limit) => {
        const list = listOf(names);
        const gone = new Set<string>();
        const told = await everybody(list, limit, (page) => {
          const { add = [], drop = [] } = steps[page - 1] ?? {};
          for (const n of add) list.names.add(`n${String(n).padStart(5, '0')}-new`);
          // Some of those at the end of a page always stay.
          for (const n of drop.filter((at) => at % 3 !== 0)) {
            list.names.delete(names[n]!);
            gone.add(names[n]!);
          }
        });
        expect(new Set(told).size).toBe(told.length);
        const stayed = names.filter((name) => !gone.has(name));
        expect(stayed.filter((name) => !told.includes(name))).toEqual([]);
      }),
    );
  });

  test('and some twice, but nobody not at all, where all leave who would say how far it is', async () => {
    const list = listOf(named(500));
    const told = await everybody(list, 50, (page) => {
      if (page === 2) for (const name of named(500).slice(60, 100)) list.names.delete(name);
    });
    expect(new Set(told)).toEqual(new Set(named(500)));
    expect(told.length).toBeGreaterThan(500);
  });
});

test('a list that leaves members out after it has counted them is read to its end', async () => {
  const list = listOf(named(200));
  const sparse = {
    ...list,
    at: async (offset: number, limit: number) =>
      (await list.at(offset, limit)).filter((name) => !name.endsWith('7')),
  };
  expect(await everybody(sparse, 40)).toEqual(named(200).filter((name) => !name.endsWith('7')));
});
