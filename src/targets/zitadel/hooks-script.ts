/**
 * What our scripts in ZITADEL's Actions V1 send (`actions-v1.ts`). A script can keep no secret and sign nothing, so what
 * it says is proved otherwise: by the ticket of a login, or by what ledger and ZITADEL know themselves.
 */
import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import type { TargetUser } from '../connection.ts';
import type { TargetHook } from '../hook.ts';

/** Anybody may send it: PostgreSQL takes no NUL, and nobody is called so. */
const isName = (value: string) => !/[\u0000-\u001f\u007f]/.test(value) && value.isWellFormed();
const text = (max: number) => z.string().min(1).max(max).refine(isName);
const message = z.union([
  z.strictObject({ ticket: text(2_048) }),
  z.strictObject({ sub: text(255), userId: text(200) }),
]);

export const scriptHook: TargetHook = {
  name: 'v1',
  summary: 'A script at ZITADEL asks what to call somebody, or says that a user was made.',
  isUnsigned: true,
  read(payload) {
    const { success, data } = message.safeParse(payload);
    if (!success) throw new FootbridgeError('bad_request', { detail: 'not what our scripts send' });
    if ('ticket' in data) return { kind: 'announced', ticket: data.ticket };
    return { kind: 'hinted', sub: data.sub, targetUserId: data.userId };
  },
  answer: (_, result) => ({
    status: result.kind === 'refused' ? 503 : 200,
    body: result.kind === 'go-on-with' ? namesOf(result.user) : {},
  }),
};

/** By the setters of the script; no secret. */
function namesOf({
  username,
  givenName,
  familyName,
  nickname,
  displayName,
  locale,
  email,
  phone,
}: TargetUser) {
  return {
    setPreferredUsername: username,
    setFirstName: givenName,
    setLastName: familyName,
    ...(nickname ? { setNickName: nickname } : {}),
    ...(displayName ? { setDisplayName: displayName } : {}),
    ...(locale ? { setPreferredLanguage: locale } : {}),
    ...(email ? { setEmail: email.address, setEmailVerified: email.isVerified } : {}),
    ...(phone ? { setPhone: phone.number, setPhoneVerified: phone.isVerified } : {}),
  };
}
