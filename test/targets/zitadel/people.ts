/** People on their way to ZITADEL. */
import type { TargetUser } from '../../../src/targets/connection.ts';

/** `correct horse` at cost 4. */
export const HASH = '$2b$04$N6AR..ZSnvVk7DnReGjCNOykJ3ZKSdncSnSQZFExuly2YeUz3qM3W';

export const anna: TargetUser = {
  sub: 'sub-anna',
  legacyId: '7',
  targetUserId: 'fb-anna',
  username: 'anna',
  givenName: 'Anna',
  familyName: 'Able',
  email: { address: 'anna@example.com', isVerified: true },
  identityProviderLinks: [],
  metadata: {},
  grants: [],
};

/** `anna` under another name. */
export const named = (name: string, more: Partial<TargetUser> = {}): TargetUser => ({
  ...anna,
  sub: `sub-${name}`,
  targetUserId: `fb-${name}`,
  username: name,
  email: { address: `${name}@example.com`, isVerified: true },
  ...more,
});

export const everything: TargetUser = named('all', {
  nickname: 'Al',
  displayName: 'Anna “All” Able',
  locale: 'de-CH',
  phone: { number: '+41 44 668 18 00', isVerified: true },
  password: { encoded: HASH, format: 'bcrypt' },
  totpSecret: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP',
  identityProviderLinks: [{ idpId: 'idp-2', userId: 'google-1', userName: 'all@gmail.example' }],
  metadata: { legacy_id: '7', ünï: 'cødé' },
  grants: [
    { project: 'p1', roles: ['reader'] },
    { project: 'p1', roles: ['editor'] },
  ],
});
