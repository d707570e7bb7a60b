/** A hub of people and organizations, as Zaikio's: people sign in there with plain OAuth 2.0, and their memberships and roles are its. */
import type { TargetKind } from '../target.ts';
import { openHubOrganizations } from './organizations.ts';
import { openHubSignIn } from './sign-in.ts';
import { openHubWebhook } from './webhook.ts';

export const hub: TargetKind = {
  kind: 'hub',
  evidence: 'documentation',
  // Nobody can be made there but by themselves.
  accepts: [],
  totp: { algorithms: [], digits: [], periodSeconds: [] },
  needs: [],
  openSignIn: (target) => openHubSignIn(target),
  openOrganizations: (target) => (target.signIn ? openHubOrganizations(target) : undefined),
  openWebhook: (target) => openHubWebhook(target),
};
