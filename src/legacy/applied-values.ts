/** What the store has of a person now, field by field, as whoever writes there compares it. */
import type { User } from '../user.ts';
import type { ApplyField } from './apply.ts';

/** `null`: there is none. A lock of the store's own passes, and is not written over. */
export const APPLIED_VALUES: Readonly<Record<ApplyField, (user: User) => string | null>> = {
  username: ({ username }) => username ?? null,
  email: ({ email }) => email ?? null,
  emailVerified: ({ emailVerified }) => String(emailVerified),
  phoneNumber: ({ phoneNumber }) => phoneNumber ?? null,
  phoneNumberVerified: ({ phoneNumberVerified }) => String(phoneNumberVerified),
  name: ({ name }) => name ?? null,
  givenName: ({ givenName }) => givenName ?? null,
  familyName: ({ familyName }) => familyName ?? null,
  nickname: ({ nickname }) => nickname ?? null,
  locale: ({ locale }) => locale ?? null,
  state: ({ state }) => (state === 'locked' ? null : state),
  roles: ({ roles }) => JSON.stringify([...roles].sort()),
};
