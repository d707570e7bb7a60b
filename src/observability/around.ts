/** The same object, with something done around each of its calls: what is measured needs to know nothing of it. */
import { isPromise } from './tracing.ts';

export type Around = <T>(name: string, work: () => T) => T;

/** All methods but these are called through `around`. Which methods there are stays as it is. */
export function calledThrough<T extends object>(
  thing: T,
  around: Around,
  except: ReadonlySet<string> = new Set(),
): T {
  const wrapped = new Map<string, unknown>();
  const wrap = (name: string, method: (...args: unknown[]) => unknown) => {
    const known = wrapped.get(name);
    if (known) return known;
    const made = (...args: unknown[]) => around(name, () => method.apply(thing, args));
    wrapped.set(name, made);
    return made;
  };
  return new Proxy(thing, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof name !== 'string' || typeof value !== 'function' || except.has(name)) return value;
      return wrap(name, value as (...args: unknown[]) => unknown);
    },
  });
}

export type Ended = (took: {
  readonly seconds: number;
  readonly error?: unknown;
  readonly value?: unknown;
}) => void;

/** Tells how a call ended. What answers at once, and what is read bit by bit, is not told of. */
export function timed<T>(work: () => T, onEnd: Ended): T {
  const startedAt = performance.now();
  const seconds = () => (performance.now() - startedAt) / 1_000;
  const result = work();
  if (!isPromise(result)) return result;
  return result.then(
    (value) => {
      onEnd({ seconds: seconds(), value });
      return value;
    },
    (error: unknown) => {
      onEnd({ seconds: seconds(), error });
      throw error;
    },
  ) as T;
}
