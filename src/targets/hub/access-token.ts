/**
 * Whose access token it is: by what the hub says beside it, and by what it has signed in it. Both have to agree. The token
 * itself opens their data and is kept nowhere.
 */
import { decodeProtectedHeader, errors, jwtVerify } from 'jose';
import type { TokenAnswer } from './documents.ts';
import { readDocument, tokenAnswer } from './documents.ts';
import { HubError } from './hub-error.ts';
import type { TokenKeys } from './token-keys.ts';

export interface AccessToken {
  /** The Authorization header's value. */
  readonly header: string;
  /** Of the person or organization. */
  readonly bearerId: string;
  /** The person who acts for that organization, where it says so. */
  readonly personId?: string;
}

const ISSUER = 'ZAI';
const CLOCK_SECONDS = 15;

export interface WhoseDeps {
  readonly keys: TokenKeys;
  readonly nowSeconds: () => number;
}

const invalid = (why: string) =>
  new HubError({ status: 200, reason: 'invalid_token', message: `the hub's access token: ${why}` });

/** `document`: of POST /oauth/access_token. Throws HubError. */
export async function readAccessToken(
  document: unknown,
  type: 'Person' | 'Organization',
  deps: WhoseDeps,
): Promise<AccessToken> {
  const answer = readDocument(tokenAnswer, document, 'POST /oauth/access_token');
  if (answer.bearer.type !== type) throw invalid(`it is not one of a ${type.toLowerCase()}`);
  const sub = await verifiedSubject(answer.access_token, deps);
  if (!isAbout(sub, answer)) throw invalid('it is for somebody else than the answer says');
  const personId = SUBJECT.exec(sub)?.[1]?.toLowerCase();
  return {
    header: `Bearer ${answer.access_token}`,
    bearerId: answer.bearer.id,
    ...(personId === undefined ? {} : { personId }),
  };
}

/** RFC 8725: the one algorithm that is documented, whatever the header says. */
async function verifiedSubject(token: string, { keys, nowSeconds }: WhoseDeps): Promise<string> {
  for (const { key } of await keys.candidates(kidOf(token))) {
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: ['RS256'],
        issuer: ISSUER,
        requiredClaims: ['sub', 'exp'],
        clockTolerance: CLOCK_SECONDS,
        currentDate: new Date(nowSeconds() * 1_000),
      });
      return payload.sub!;
    } catch (error) {
      // The next key may be the right one.
      if (error instanceof errors.JWSSignatureVerificationFailed) continue;
      throw invalid(error instanceof errors.JOSEError ? error.code : 'it cannot be read');
    }
  }
  throw invalid('no key of the hub has signed it');
}

function kidOf(token: string): string | undefined {
  try {
    const { alg, kid } = decodeProtectedHeader(token);
    if (alg === 'RS256') return kid;
  } catch {
    // Told below.
  }
  throw invalid('it is none that the hub signs');
}

/** `Person/<id>`, `Organization/<id>`, or a person's on behalf of an organization: `Person/<id>>Organization/<id>`. */
const SUBJECT = /^(?:Person\/([\w-]+)>)?(Person|Organization)\/([\w-]+)$/;

function isAbout(sub: string, { bearer, bearer_on_behalf_of: onBehalfOf }: TokenAnswer): boolean {
  const [, person, type, id] = SUBJECT.exec(sub) ?? [];
  if (type !== bearer.type || id?.toLowerCase() !== bearer.id) return false;
  if (person === undefined) return !onBehalfOf;
  return type === 'Organization' && (!onBehalfOf || onBehalfOf.id === person.toLowerCase());
}

/** How long it is good, from now on; half an hour where nothing is said. */
export function secondsOf({ expires_in: expiresIn }: TokenAnswer, now: number): number {
  if (expiresIn === undefined) return UNSAID_SECONDS;
  const seconds = typeof expiresIn === 'number' ? expiresIn : Date.parse(expiresIn) / 1_000 - now;
  return Math.min(Math.max(seconds, 0), MAX_SECONDS);
}

const UNSAID_SECONDS = 1_800;
const MAX_SECONDS = 86_400;
