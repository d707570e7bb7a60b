import { FootbridgeError } from '../errors.ts';

/** Drivers have limits of their own; this one holds when they do not (security.md R14). Throws legacy_unavailable. */
export async function withinDeadline<T>(work: () => Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const detail = `no answer within ${timeoutMs} ms`;
      reject(new FootbridgeError('legacy_unavailable', { detail, retryAfterSeconds: 2 }));
    }, timeoutMs);
  });
  try {
    return await Promise.race([work(), deadline]);
  } finally {
    clearTimeout(timer);
  }
}
