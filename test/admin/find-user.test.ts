import { expect, test } from 'vitest';
import { findUser, subOf } from '../../src/admin/find-user.ts';
import { FootbridgeError } from '../../src/errors.ts';

const away = () =>
  Promise.reject(new FootbridgeError('legacy_unavailable', { detail: 'postgresql ECONNREFUSED' }));
const legacyIdOf = (sub: string) => (sub.startsWith('shop:') ? sub.slice(5) : undefined);
const down = { findByLogin: away, userBySub: away, legacyIdOf };
const empty = { findByLogin: async () => undefined, userBySub: async () => undefined, legacyIdOf };

test('a store that cannot be asked says why', async () => {
  const { user, problem } = await findUser(down, 'anna');
  expect(user).toBeUndefined();
  expect(problem).toContain('postgresql ECONNREFUSED');
});

test('a login name is not taken for a sub while the store cannot be asked', async () => {
  await expect(subOf(down, 'anna@example.com')).rejects.toMatchObject({
    code: 'legacy_unavailable',
    detail: expect.stringContaining('name the person by the sub'),
  });
});

test('a sub is one, whether the store answers or not, and so is that of somebody who is gone', async () => {
  expect(await subOf(down, 'shop:4711')).toBe('shop:4711');
  expect(await subOf(empty, 'shop:4711')).toBe('shop:4711');
  expect(await subOf(empty, 'anna@example.com')).toBe('anna@example.com');
});
