/** A plain request to a place that needs no token. */
import { request } from 'undici';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export interface ProbeOptions {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

const TIMEOUT_MS = 10_000;
/** Our pages, a discovery document. */
const MAX_BYTES = 512 * 1024;

/** Redirects are answers like others. Throws an Error that says no more than which host did not answer, and why. */
export async function probe(
  url: string,
  { method = 'GET', headers = {}, body }: ProbeOptions = {},
): Promise<Answer> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const response = await request(url, { method, headers, signal, ...(body !== undefined && { body }) });
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of response.body) {
      bytes += (chunk as Buffer).length;
      if (bytes > MAX_BYTES) throw Object.assign(new Error(), { code: 'too large' });
      chunks.push(chunk as Buffer);
    }
    return {
      status: response.statusCode,
      headers: response.headers,
      text: Buffer.concat(chunks).toString('utf8'),
    };
  } catch (error) {
    const { code, name } = error as NodeJS.ErrnoException;
    const why = signal.aborted ? 'in time' : `(${code ?? name})`;
    throw new Error(`${new URL(url).host} does not answer ${why}`);
  }
}

/** The JSON of a 200; undefined for anything else. */
export function documentOf({ status, text }: Answer): Record<string, unknown> | undefined {
  try {
    const document: unknown = status === 200 ? JSON.parse(text) : undefined;
    return typeof document === 'object' && document !== null
      ? (document as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
