import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { redis } from '../../../src/sessions/apps/redis.ts';
import { sqlTable } from '../../../src/sessions/apps/sql-table.ts';

/** What the environment would give. */
const VALUES: Readonly<Record<string, string>> = {
  APP_KEY: `base64:${Buffer.alloc(32, 7).toString('base64')}`,
  SHOP_REDIS_URL: 'rediss://footbridge:secret@redis:6379/0',
  FORUM_REDIS_URL: 'redis://redis',
};

describe.each(['sql-table', 'redis'])('docs/sessions/%s.md', (page) => {
  const text = readFileSync(`docs/sessions/${page}.md`, 'utf8');
  const recipes = [...text.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, yaml], index) => {
    const filledIn = yaml!.replace(/\$\{(\w+)\}/g, (_, name: string) => VALUES[name] ?? 'the-value-of-it');
    const [app] = parse(filledIn).legacySessions;
    return [`${index + 1}, ${app.framework.format}`, app] as const;
  });

  test('has a recipe for each framework', () => {
    expect(recipes.length).toBeGreaterThan(3);
  });

  test.each(recipes)('recipe %s is accepted as it stands', (_name, app) => {
    const kind = page === 'redis' ? redis : sqlTable;
    expect(kind.settings.safeParse(app).error?.issues).toBeUndefined();
  });
});
