/** Finding users at cidaas. */
import type { Account } from './account.ts';
import { accountOf, markOf } from './account.ts';
import type { CidaasApi } from './api.ts';
import { CidaasError } from './cidaas-error.ts';
import type { CidaasSettings } from './cidaas-settings.ts';

export interface Users {
  /** By cidaas' sub, or by the id that we ask for, which stands in our mark. */
  byId(id: string, signal?: AbortSignal): Promise<Account | undefined>;
  /**
   * By an address, a number, a username or somebody's id at a provider. cidaas does not say which of these it was, nor
   * that there was more than one: whoever asks has to look.
   */
  byIdentifier(identifier: string, signal?: AbortSignal): Promise<Account | undefined>;
}

/** cidaas' own ids; anything else would only be refused, or be another path. */
const SUB = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
export const isSub = (text: unknown): text is string => typeof text === 'string' && SUB.test(text);

/** With what stands in braces filled in. */
export const filled = (template: string, values: Readonly<Record<string, string>>) =>
  Object.entries(values).reduce(
    (path, [name, value]) => path.replaceAll(`{${name}}`, encodeURIComponent(value)),
    template,
  );

/** Undefined for a user who is not there. */
export async function unlessGone<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CidaasError && error.status === 404 && !error.isStrange) return undefined;
    throw error;
  }
}

export function usersOf(api: CidaasApi, settings: CidaasSettings): Users {
  const { paths } = settings;
  const bySub = (sub: string, signal?: AbortSignal) =>
    unlessGone(async () => {
      const { document } = await api.call('GET', filled(paths.read, { sub }), { signal });
      const account = accountOf(document, settings);
      if (document !== undefined && !account) {
        const message = 'what answers in the place of cidaas is no user';
        throw new CidaasError({ status: 200, message, isStrange: true });
      }
      return account?.sub === sub ? account : undefined;
    });
  const byIdentifier = async (userId: string, signal?: AbortSignal) => {
    const found = await unlessGone(() =>
      api.call('POST', paths.find, { body: { userId }, isReading: true, signal }),
    );
    const { data } = (found?.document ?? {}) as { data?: { sub?: unknown } };
    return isSub(data?.sub) ? bySub(data.sub, signal) : undefined;
  };
  return {
    byIdentifier,
    async byId(id, signal) {
      if (isSub(id)) return bySub(id, signal);
      const account = await byIdentifier(id, signal);
      return account && markOf(account, settings) === id ? account : undefined;
    },
  };
}
