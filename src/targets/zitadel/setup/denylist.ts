/** ZITADEL calls no private address unless it is told to: what that looks like, and what to do about it. */
import { ZitadelError } from '../api.ts';
import type { Context } from './context.ts';

/** ZITADEL's own, as of 4.17. */
export const DEFAULT_DENYLIST =
  'localhost,0.0.0.0/8,10.0.0.0/8,100.64.0.0/10,127.0.0.0/8,169.254.0.0/16,172.16.0.0/12,192.168.0.0/16,198.18.0.0/15,::/128,::1/128,fc00::/7,fe80::/10';

/** `Errors.Target.DeniedURL`. */
const DENIED = 'COMMAND-NcJUKo';

export const isDenied = (error: unknown): boolean =>
  error instanceof ZitadelError &&
  (error.id === DENIED || /\bDenied(URL)?\b|URL is denied/.test(error.message));

export function denialOf({ deps }: Pick<Context, 'deps'>): { sentence: string; todo: string } {
  const { hostname } = new URL(deps.issuer);
  return {
    sentence: `ZITADEL refuses to call ${hostname}: what the name resolves to, from where ZITADEL is, is on its deny-list.`,
    todo: [
      'ZITADEL calls no private or loopback address, and there is no allow-list. The variable ZITADEL_HTTPCLIENT_DENYLIST replaces the whole list, so give it all of the default but the range Footbridge is in, with a hole as small as that:',
      `  ZITADEL_HTTPCLIENT_DENYLIST=${DEFAULT_DENYLIST}`,
      'To let 10.20.0.0/16 through, for instance, put the ranges around it in the place of 10.0.0.0/8: 10.0.0.0/12,10.16.0.0/14,10.21.0.0/16,10.22.0.0/15,10.24.0.0/13,10.32.0.0/11,10.64.0.0/10,10.128.0.0/9.',
      'Never leave out 169.254.0.0/16, where cloud machines keep their credentials; do not set it empty. Then restart ZITADEL.',
    ].join('\n'),
  };
}

/** A refusal for this reason, with what to do. */
export function explainDenial(error: unknown, context: Pick<Context, 'deps'>): unknown {
  if (!isDenied(error)) return error;
  const { sentence, todo } = denialOf(context);
  return new Error(`${sentence} ${todo}`);
}
