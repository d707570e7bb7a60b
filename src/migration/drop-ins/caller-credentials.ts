/** Whether the caller of a drop-in is who it should be: by all of a secret, compared in constant time. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Keyring } from '../../store/encryption.ts';
import type { DropInSettings } from './drop-in-settings.ts';

type Auth = DropInSettings['auth'];

/** RFC 7617 section 2. */
const BASIC = /^Basic +([A-Za-z0-9+/]{1,2048}={0,2})$/i;
/** RFC 6750 section 2.1, but for the characters: the secret may have all of visible ASCII. */
const BEARER = /^Bearer +([\x21-\x7e]{1,2048})$/i;

/** Whatever cannot be read is no credential. */
export function isCaller(keyring: Pick<Keyring, 'equal'>, auth: Auth, headers: IncomingHttpHeaders): boolean {
  const shown = shownBy(auth, headers);
  return keyring.equal(shown ?? '', expectedBy(auth)) && shown !== undefined;
}

/** The challenge of a 401 (RFC 9110 section 11.6.1). */
export function challengeFor({ basic, bearer }: Auth): string {
  const scheme = basic ? 'Basic' : bearer ? 'Bearer' : 'ApiKey';
  return `${scheme} realm="footbridge"`;
}

function expectedBy({ basic, bearer, apiKey }: Auth): string {
  if (basic) return `${basic.user}:${basic.password.reveal()}`;
  return (bearer ?? apiKey?.value)?.reveal() ?? '';
}

function shownBy({ basic, bearer, apiKey }: Auth, headers: IncomingHttpHeaders): string | Buffer | undefined {
  const { authorization = '' } = headers;
  if (basic) {
    const encoded = BASIC.exec(authorization)?.[1];
    return encoded === undefined ? undefined : Buffer.from(encoded, 'base64');
  }
  if (bearer) return BEARER.exec(authorization)?.[1];
  const value = apiKey && headers[apiKey.name.toLowerCase()];
  return typeof value === 'string' ? value : undefined;
}
