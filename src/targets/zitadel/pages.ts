/** All results of a search, page by page. */
import type { ZitadelApi } from './api.ts';

export interface SearchOptions {
  /** The rest of the body: queries, filters, sorting. */
  readonly body?: object;
  readonly organization?: string;
  readonly signal?: AbortSignal;
  /** What the message calls its page: `query` up to v2, `pagination` in the newest services. */
  readonly paging?: 'query' | 'pagination';
}

/** ZITADEL's own bound for a page is 1,000 by default. */
const PAGE = 100;
const MAX_RESULTS = 10_000;

/** `path` is that of a search whose answer has `result`; at most 10,000 of them. Throws ZitadelError. */
export async function searchAll<T>(
  api: ZitadelApi,
  path: string,
  { body, organization, signal, paging = 'query' }: SearchOptions = {},
): Promise<T[]> {
  const found: T[] = [];
  while (found.length < MAX_RESULTS) {
    const answer = await api.call<{ result?: T[] }>('POST', path, {
      body: { ...body, [paging]: { offset: String(found.length), limit: PAGE, asc: true } },
      ...(organization !== undefined && { organization }),
      ...(signal && { signal }),
    });
    // A field without a value is left out of its JSON.
    const page = answer.result ?? [];
    found.push(...page);
    if (page.length < PAGE) break;
  }
  return found;
}
