/** A call of ZITADEL's REST API about a user, before it is sent. */
import type { CallOptions, ZitadelApi } from './api.ts';

export interface Message extends Pick<CallOptions, 'body' | 'organization'> {
  readonly method: Parameters<ZitadelApi['call']>[0];
  readonly path: string;
}

export const send = <T>(
  api: ZitadelApi,
  { method, path, ...options }: Message,
  signal?: AbortSignal,
): Promise<T> => api.call<T>(method, path, signal ? { ...options, signal } : options);

/** The Management API, about a user. */
export const managed = (userId: string, rest: string): string =>
  `/management/v1/users/${encodeURIComponent(userId)}/${rest}`;

export const there = (organization: string | undefined): Pick<Message, 'organization'> =>
  organization === undefined ? {} : { organization };
