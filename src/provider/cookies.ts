/** Cookie names and attributes (RFC 6265bis): prefixed and Secure on https; on a loopback http issuer, for trying out, neither. */

import Keygrip from 'keygrip';
import type { Configuration } from 'oidc-provider';

export const isSecure = (issuer: string): boolean => issuer.startsWith('https:');

export const sessionCookieName = (issuer: string): string =>
  isSecure(issuer) ? '__Host-fb_session' : 'fb_session';

export function cookieSettings(
  issuer: string,
  keys: readonly string[],
): NonNullable<Configuration['cookies']> {
  const secure = isSecure(issuer);
  const attributes = { httpOnly: true, sameSite: 'lax', secure, signed: true, overwrite: true } as const;
  return {
    names: {
      session: sessionCookieName(issuer),
      interaction: secure ? '__Secure-fb_login' : 'fb_login',
      resume: secure ? '__Secure-fb_resume' : 'fb_resume',
    },
    keys: new Keygrip([...keys], 'sha256', 'base64'),
    long: attributes,
    short: attributes,
  } as NonNullable<Configuration['cookies']>;
}
