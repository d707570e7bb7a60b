import { describe, expect, test, vi } from 'vitest';
import { Together } from '../../src/provider/together.ts';

function stage() {
  const groups: {
    readonly questions: readonly number[];
    answer: (value: string) => void;
    fail: (error: Error) => void;
  }[] = [];
  const together = new Together<number, string>((questions) => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    groups.push({ questions, answer: resolve, fail: reject });
    return promise;
  });
  return { together, groups };
}

describe('questions that come at once', () => {
  test('go together once the first is answered', async () => {
    const { together, groups } = stage();
    const asked = [1, 2, 3].map((question) => together.ask(question));
    expect(groups.map(({ questions }) => questions)).toEqual([[1]]);
    groups[0]?.answer('a');
    expect(await asked[0]).toBe('a');
    await vi.waitFor(() => expect(groups.map(({ questions }) => questions)).toEqual([[1], [2, 3]]));
    groups[1]?.answer('b');
    expect(await Promise.all(asked)).toEqual(['a', 'b', 'b']);
  });

  test('do not wait for one that takes long', async () => {
    const { together, groups } = stage();
    const slow = together.ask(1);
    const quick = together.ask(2);
    await vi.waitFor(() => expect(groups).toHaveLength(2));
    groups[1]?.answer('quick');
    expect(await quick).toBe('quick');
    groups[0]?.answer('slow');
    expect(await slow).toBe('slow');
  });

  test('fail together, and the next are asked all the same', async () => {
    const { together, groups } = stage();
    const first = together.ask(1);
    const next = together.ask(2);
    groups[0]?.fail(new Error('down'));
    await expect(first).rejects.toThrow('down');
    await vi.waitFor(() => expect(groups).toHaveLength(2));
    groups[1]?.answer('up');
    expect(await next).toBe('up');
  });

  test('go 64 at a time', async () => {
    const { together, groups } = stage();
    const asked = Array.from({ length: 66 }, (_, question) => together.ask(question));
    groups[0]?.answer('');
    await vi.waitFor(() => expect(groups[1]?.questions).toHaveLength(64));
    groups[1]?.answer('');
    await vi.waitFor(() => expect(groups[2]?.questions).toEqual([65]));
    groups[2]?.answer('');
    await Promise.all(asked);
  });
});
