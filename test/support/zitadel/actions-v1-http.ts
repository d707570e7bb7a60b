/** `zitadel/http` of Actions V1, with its traps. */
import { BlockList, isIP } from 'node:net';
import type { HostValue } from './actions-v1-values.ts';

export interface Asked {
  readonly url: string;
  readonly method: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string | undefined;
}

export interface Fetched extends Asked {
  readonly status?: number;
  readonly answer?: string;
  readonly error?: string;
}

type Panic = (message: string) => never;

/** With options there is neither a method nor a header unless they say so; the body is JSON whatever it is. */
export function askedOf(args: unknown[], panic: Panic): Asked {
  if (args.length > 2) panic('too many args');
  if (args.length < 1) panic('no url provided');
  const [url, options] = args;
  if (typeof url !== 'string') return panic('interface conversion: interface {} is not string');
  const json = ['application/json'];
  if (args.length === 1) {
    return {
      url,
      method: 'GET',
      headers: pairs({ 'Content-Type': json, Accept: json }, panic),
      body: undefined,
    };
  }
  if (typeof options !== 'object' || options === null) return panic('cannot convert to object');
  let asked: Asked = { url, method: 'GET', headers: [], body: undefined };
  for (const [key, value] of Object.entries(options)) {
    if (key === 'headers') asked = { ...asked, headers: pairs(value, panic) };
    else if (key === 'method') asked = { ...asked, method: String(value) };
    else if (key === 'body') asked = { ...asked, body: JSON.stringify(value) };
    else panic('unimplemented');
  }
  return asked;
}

/** A text is split at its commas. */
function pairs(headers: unknown, panic: Panic): [string, string][] {
  return Object.entries((headers ?? {}) as object).flatMap(([name, value]) => {
    const values = typeof value === 'string' ? value.split(',') : Array.isArray(value) ? value : [];
    return values.map((one): [string, string] => {
      if (typeof one !== 'string') return panic('interface conversion: interface {} is not string');
      return [name, one.trim()];
    });
  });
}

/** Response headers are not filled in. */
export function shownAnswer({ status = 0, answer = '' }: Fetched, panic: Panic): HostValue {
  return {
    body: answer,
    statusCode: status,
    headers: null,
    json: () => {
      try {
        return JSON.parse(answer) as HostValue;
      } catch (error) {
        return panic((error as Error).message);
      }
    },
    text: () => answer,
  };
}

/** By name and by literal address only: nothing is resolved. */
function isBlocked(url: string, denylist: readonly string[]): boolean {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  const blocked = new BlockList();
  for (const entry of denylist) {
    const [address = '', bits] = entry.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (isIP(address)) blocked.addSubnet(address, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family);
  }
  return (
    denylist.includes(host) || (isIP(host) > 0 && blocked.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4'))
  );
}

export async function fetchNow(
  asked: Asked,
  { denylist, deadline }: { denylist: readonly string[]; deadline: number },
): Promise<Fetched> {
  try {
    if (isBlocked(asked.url, denylist)) throw new Error('host is denied (ACTIO-N72d0)');
    const headers = new Headers();
    for (const [name, value] of asked.headers) headers.append(name, value);
    const answer = await fetch(asked.url, {
      method: asked.method,
      headers,
      ...(asked.body !== undefined && { body: asked.body }),
      signal: AbortSignal.timeout(Math.max(1, deadline - Date.now())),
    });
    return { ...asked, status: answer.status, answer: await answer.text() };
  } catch (error) {
    return { ...asked, error: (error as Error).message };
  }
}
