/** What is shipped beside our own code: under which licences, and listed in the bill of materials. */
import { execFile } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { isAllowed, judge } from '../../packaging/licences.ts';
import type { LockedPackage, Lockfile } from '../../packaging/lockfile.ts';
import { nameOf, readLockfile, shipped } from '../../packaging/lockfile.ts';
import { settle } from '../../packaging/sbom.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const lock = readLockfile(ROOT);

describe('the licences', () => {
  const withPackage = (one: LockedPackage): Lockfile => ({
    ...lock,
    packages: { ...lock.packages, 'node_modules/koa/node_modules/stranger': { version: '1.0.0', ...one } },
  });

  test('of everything shipped are allowed', () => {
    const { allowed, refused } = judge(lock);
    expect(refused).toEqual([]);
    expect(allowed.get('MIT')?.length).toBeGreaterThan(100);
  });

  test.each([
    { license: 'GPL-3.0-or-later' },
    { license: 'SEE LICENSE IN LICENSE.txt' },
    { license: 'MIT AND LGPL-2.1' },
    {},
  ])('refuse $license', (one) => {
    const licence = one.license ?? 'none';
    expect(judge(withPackage(one)).refused).toEqual([{ name: 'stranger@1.0.0', licence }]);
  });

  test('do not care about what only development has', () => {
    expect(judge(withPackage({ license: 'GPL-3.0-only', dev: true })).refused).toEqual([]);
  });

  test('are a choice where a package says so', () => {
    expect(isAllowed('(GPL-2.0 OR MIT)')).toBe(true);
    expect(isAllowed('(GPL-2.0 OR AGPL-3.0)')).toBe(false);
  });
});

describe('the bill of materials', () => {
  test('lists what is shipped with version, digest and licence, nothing else, and twice the same', async () => {
    // npm scripts say `node`, and mean the one that the tests run under.
    const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
    const run = async () => {
      const options = { cwd: ROOT, env, maxBuffer: 1 << 25 };
      return (await promisify(execFile)(process.execPath, [join(ROOT, 'packaging/sbom.ts')], options)).stdout;
    };
    const [first, second] = await Promise.all([run(), run()]);
    expect(second).toBe(first);
    const { components } = JSON.parse(first) as { components: { name: string; version: string }[] };
    const listed = components.map(({ name, version }) => `${name}@${version}`);
    const wanted = shipped(lock).map(([folder, { version }]) => `${nameOf(folder)}@${version}`);
    expect(new Set(listed)).toEqual(new Set(wanted));
    expect(first).not.toMatch(/"(vitest|typescript)@/);
    for (const component of components) {
      expect(component).toMatchObject({
        licenses: [expect.anything()],
        hashes: [{ alg: 'SHA-512', content: expect.any(String) }],
      });
    }
  });

  test('has a time only where one is given, and changes with what is in it', () => {
    const bill = {
      metadata: { timestamp: '2026-01-01T00:00:00.000Z', component: { version: '1' }, tools: [] },
      components: [{ 'bom-ref': 'a@1' }],
      dependencies: [],
    };
    expect(settle(bill)).not.toHaveProperty('metadata.timestamp');
    expect(settle(bill, '1700000000')).toHaveProperty('metadata.timestamp', '2023-11-14T22:13:20.000Z');
    const number = (of: object) => (of as { serialNumber: string }).serialNumber;
    expect(number(settle(bill))).toBe(number(settle(bill, '1700000000')));
    expect(number(settle({ ...bill, components: [{ 'bom-ref': 'b@1' }] }))).not.toBe(number(settle(bill)));
  });
});
