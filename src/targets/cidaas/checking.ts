/**
 * What is wrong with a person before anything is sent. cidaas stores a hash that it cannot verify, answers a single
 * address that it does not like with a failed row, and may refuse a whole batch for it.
 */
import type { AcceptedFormat } from '../../credentials/accepted-format.ts';
import { readBack } from '../../credentials/read-back.ts';
import { isRefusal } from '../../credentials/reasons.ts';
import { translateHash } from '../../credentials/translation.ts';
import type { ImportOutcome, TargetUser } from '../connection.ts';

export type Refused = Extract<ImportOutcome, { kind: 'refused' }>;

/** RFC 5321 section 4.5.3.1. */
const MAX_LOCAL_PART = 64;
const MAX_ADDRESS = 254;
/** No bound is documented. Nobody's name is longer, and nothing of ours that stands in a custom field. */
export const MAX_NAME = 200;
const MAX_CUSTOM_FIELD = 4_000;
const MAX_LINKS = 20;

/** What mail servers take: RFC 5322's atoms, and a domain with a dot, in letters that DNS knows. */
const LOCAL_PART = /^[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*$/;
const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/i;

export function isAddress(text: string): boolean {
  const at = text.lastIndexOf('@');
  const [local, domain] = [text.slice(0, at), text.slice(at + 1)];
  return (
    at > 0 &&
    text.length <= MAX_ADDRESS &&
    local.length <= MAX_LOCAL_PART &&
    LOCAL_PART.test(local) &&
    DOMAIN.test(domain)
  );
}

/** Undefined where nothing is wrong that can be seen from here. */
export function problemWith(user: TargetUser, accepts: readonly AcceptedFormat[]): Refused | undefined {
  if (user.organization !== undefined) {
    return refused(
      'organization',
      'Users are put into no organization at cidaas: leave users.organization out.',
    );
  }
  if (!user.email)
    return refused('email-missing', 'cidaas tells people apart by their address, and there is none.');
  if (!isAddress(user.email.address)) {
    return refused('invalid-email', 'The email address is not one that mail can be sent to.');
  }
  return problemOfLength(user) ?? problemOfPassword(user, accepts);
}

function problemOfLength(user: TargetUser): Refused | undefined {
  const names = [user.givenName, user.familyName, user.nickname ?? '', user.username];
  if (names.some((name) => name.length > MAX_NAME)) {
    return refused('name-too-long', `A name is longer than ${MAX_NAME} characters.`);
  }
  if (Object.values(user.metadata).some((value) => value.length > MAX_CUSTOM_FIELD)) {
    return refused(
      'metadata-too-long',
      `A value of the metadata is longer than ${MAX_CUSTOM_FIELD} characters.`,
    );
  }
  if (user.identityProviderLinks.length > MAX_LINKS) {
    return refused('too-many-links', `There are more than ${MAX_LINKS} accounts at further providers.`);
  }
  return undefined;
}

/** Also `setPassword` asks it. */
export function problemOfPassword(
  { password }: Pick<TargetUser, 'password'>,
  accepts: readonly AcceptedFormat[],
): Refused | undefined {
  if (!password) return undefined;
  const accepted = accepts.find(({ write }) => write === password.format);
  if (!accepted) {
    return refused('password-format', `cidaas cannot verify a password written as ${password.format}.`);
  }
  if (isOperatorsHmac(password.encoded)) return undefined;
  const hash = readBack(accepted, password.encoded);
  if (isRefusal(hash)) {
    return refused('password-malformed', 'The hash is not written as cidaas reads it.');
  }
  if (isRefusal(translateHash(hash, [accepted]))) {
    return refused('password-bounds', 'The hash is outside the bounds of the target’s `accepts`.');
  }
  return undefined;
}

/** Named by an operator in `accepts`: the documentation leaves open how it is written, so nobody here can read it back. */
function isOperatorsHmac(encoded: string | object): boolean {
  const { algorithmTypeId } = encoded as { algorithmTypeId?: unknown };
  return (
    typeof algorithmTypeId === 'string' &&
    algorithmTypeId.startsWith('HMAC-') &&
    algorithmTypeId !== 'HMAC-SHA-256'
  );
}

const refused = (code: string, sentence: string): Refused => ({ kind: 'refused', code, sentence });
