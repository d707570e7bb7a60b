/** Parts of sequences that several patterns share. */
import { expect } from 'vitest';
import type { Person } from '../../../example/demo/people.ts';
import { typing } from '../../support/zitadel/at-provider.ts';
import { totpCode } from '../../support/zitadel/totp.ts';
import type { Bridge } from './bridge.ts';
import { isStandIn } from './place.ts';

/** Login V2 begins at the provider. */
export const BEGUN = [
  'login → zitadel UserService/StartIdentityProviderIntent',
  'zitadel → facade GET /.well-known/openid-configuration',
];
export const LOGIN_PAGE = ['browser → facade GET /auth', 'browser → facade GET /login/…'];
export const PASSWORD = ['browser → facade POST /login/…'];
export const BACK_TO_ZITADEL = ['browser → facade GET /auth/…', 'browser → zitadel GET /idps/callback'];
export const CLAIMS = [
  'zitadel → facade GET /.well-known/openid-configuration',
  'zitadel → facade POST /token',
  'zitadel → facade GET /jwks',
  'zitadel → facade GET /me',
];
export const RETRIEVED = ['login → zitadel UserService/RetrieveIdentityProviderIntent'];
export const ASKED = [...RETRIEVED, 'zitadel → facade intent'];
export const MADE_BY_LOGIN = [
  'login → zitadel IdentityProviderService/GetIDPByID',
  'login → zitadel SettingsService/GetGeneralSettings',
  'login → zitadel UserService/CreateUser',
];
export const FOUND_BY_LOGIN = ['login → zitadel IdentityProviderService/GetIDPByID'];
export const SESSION = [
  'login → zitadel SessionService/CreateSession',
  'login → zitadel SessionService/GetSession',
];

/**
 * Exactly these messages, in this order. A real ZITADEL caches, and delivers events when it likes: there it is looked
 * only whether all of them came.
 */
export function expectSequence(bridge: Bridge, ...parts: readonly (readonly string[])[]): void {
  const wanted = parts.flat();
  const said = bridge.messages.taken();
  if (isStandIn) expect(said).toEqual(wanted);
  else
    expect(said).toEqual(
      expect.arrayContaining(wanted.filter((text) => !text.startsWith('zitadel → facade '))),
    );
}

/** What the person types at our pages. */
export const types = ({ login: username, password, otpSeed }: Person) =>
  typing({ username, password, ...(otpSeed && { code: () => totpCode(otpSeed, Date.now()) }) });

/** Over the facade into Login V2. */
export async function logInV2(bridge: Bridge, person: Person, browser = bridge.browser()) {
  return bridge.loginV2(browser).throughProvider(await bridge.idp(), types(person));
}
