/** What of a target's settings the hub's own parts need, and whether it is there. */
import { FootbridgeError } from '../../errors.ts';
import type { Secret } from '../../settings.ts';
import type { SignInSettings } from '../sign-in-settings.ts';
import type { Target } from '../target.ts';
import type { HubSettings } from './hub-settings.ts';

export interface HubTarget {
  readonly hub: HubSettings;
  readonly signIn: SignInSettings;
  readonly clientSecret: Secret;
}

/** Throws config_invalid where something is not said that a hub needs. */
export function hubTarget({ name, hub, signIn }: Pick<Target, 'name' | 'hub' | 'signIn'>): HubTarget {
  if (hub && signIn?.clientSecret) return { hub, signIn, clientSecret: signIn.clientSecret };
  throw new FootbridgeError('config_invalid', {
    detail: `the target ${name} of kind hub needs hub.url, signIn.clientId and signIn.clientSecret`,
  });
}

/** RFC 7617. */
export const basic = (name: string, password: Secret) =>
  `Basic ${Buffer.from(`${name}:${password.reveal()}`).toString('base64')}`;
