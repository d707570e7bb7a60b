/**
 * FusionAuth's generic connector, by its documentation: the request of its Login API comes here, and the answer is 200
 * with a user, or 404. It takes every other status for a 404: so an outage reads there as a wrong password whatever we
 * answer, and is 503 for the eyes of whoever watches. It does not count failures of its own for it.
 *
 * A user must have the same UUID every time.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { User } from '../../../user.ts';
import { parseInput, parseJson } from '../../json-routes.ts';
import type { Claim, DropInContract } from '../drop-in.ts';
import type { SettingsOf } from '../drop-in-settings.ts';

const request = z.object({
  loginId: z.string(),
  password: z.string(),
  eventInfo: z.object({ ipAddress: z.string().optional() }).optional(),
});
const user = z.object({
  id: z.string(),
  active: z.literal(true),
  username: z.string().optional(),
  email: z.string().optional(),
  verified: z.boolean(),
  firstName: z.string().optional(),
  lastName: z.string().optional(),
  fullName: z.string().optional(),
  mobilePhone: z.string().optional(),
  imageUrl: z.string().optional(),
  timezone: z.string().optional(),
  preferredLanguages: z.array(z.string()).optional(),
  data: z.record(z.string(), z.unknown()),
  registrations: z.array(z.object({ applicationId: z.string() })).optional(),
});

export const fusionauth: DropInContract<SettingsOf<'fusionauth'>> = {
  kind: 'fusionauth',
  calls: [
    {
      asks: 'password',
      path: '/drop-ins/fusionauth/:name/login',
      summary:
        'FusionAuth’s generic connector. 404: wrong. Throttled (429) and outages (503) are 404 to FusionAuth, too.',
      request,
      response: z.object({ user }),
      read: ({ body }): Claim => {
        const { loginId, password, eventInfo } = parseInput(request, parseJson(body));
        const address = eventInfo?.ipAddress;
        return { who: { login: loginId }, password, ...(address === undefined ? {} : { address }) };
      },
      answer: (verdict, settings) =>
        verdict.kind === 'right'
          ? { status: 200, body: { user: userOf(verdict.user, settings) } }
          : { status: verdict.kind === 'wrong' ? 404 : 429, body: {} },
    },
  ],
};

function userOf(person: User, { applications }: SettingsOf<'fusionauth'>): z.output<typeof user> {
  const {
    sub,
    legacyId,
    username,
    email,
    givenName,
    familyName,
    name,
    phoneNumber,
    picture,
    zoneinfo,
    locale,
  } = person;
  // It wants one of them at least.
  const called = username ?? (email === undefined ? sub : undefined);
  const known = {
    username: called,
    email,
    firstName: givenName,
    lastName: familyName,
    fullName: name,
    mobilePhone: phoneNumber,
    imageUrl: picture,
    timezone: zoneinfo,
  };
  return {
    id: uuidOf(sub),
    active: true,
    ...Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined)),
    verified: email !== undefined && person.emailVerified,
    ...(locale === undefined ? {} : { preferredLanguages: [locale.replace('-', '_')] }),
    data: { ...person.metadata, sub, legacyId },
    ...(applications.length > 0
      ? { registrations: applications.map((applicationId) => ({ applicationId })) }
      : {}),
  };
}

/** Of this contract alone; any would do, but it can never be changed. */
const NAMESPACE = 'c2a7c1f5-3d0b-4f6e-9a52-8d1d3c0e77b4';

/** A UUID of version 5 (RFC 9562 section 5.5): what it is made of is no secret, and it opens nothing. */
export function uuidOf(sub: string): string {
  const bytes = createHash('sha1')
    .update(Buffer.from(NAMESPACE.replaceAll('-', ''), 'hex'))
    .update(sub)
    .digest()
    .subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x50;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
