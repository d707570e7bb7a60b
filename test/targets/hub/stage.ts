/** A hub with somebody at it, and the target that is set up for it. */

import { hub as kind } from '../../../src/targets/hub/index.ts';
import type { SignInRequest } from '../../../src/targets/sign-in.ts';
import type { Target } from '../../../src/targets/target.ts';
import { oneTargetSettings } from '../../../src/targets/target-settings.ts';
import { Browser } from '../../support/browser.ts';
import type { AtHub, Hub, HubOptions } from '../../support/hub/index.ts';
import { startHub, throughHub } from '../../support/hub/index.ts';

export const REDIRECT_URI = 'https://login.example.com/claim/callback/hub';

export interface Stage {
  readonly hub: Hub;
  readonly target: Target;
}

interface StageOptions extends HubOptions {
  readonly timeoutMs?: number;
  readonly signIn?: Readonly<Record<string, unknown>>;
  readonly settings?: Readonly<Record<string, unknown>>;
}

export async function openStage({
  timeoutMs = 5_000,
  signIn,
  settings,
  ...options
}: StageOptions = {}): Promise<Stage> {
  const hub = await startHub(options);
  hub.app.redirectUris.push(REDIRECT_URI);
  return {
    hub,
    target: targetOf(hub, { timeoutMs, ...(signIn && { signIn }), ...(settings && { settings }) }),
  };
}

export function targetOf(hub: Hub, { timeoutMs = 5_000, signIn, settings }: StageOptions = {}): Target {
  const own = hub.settings({ timeoutMs });
  const { accepts: _, ...read } = oneTargetSettings.parse({
    name: 'hub',
    displayName: 'Hub',
    loginUrl: 'https://hub.example.com/',
    ...own,
    hub: { ...own.hub, ...settings },
    signIn: { ...own.signIn, ...signIn },
  });
  return { ...kind, ...read };
}

export const request = (more: Partial<SignInRequest> = {}): SignInRequest => ({
  purpose: 'person',
  redirectUri: REDIRECT_URI,
  hints: {},
  ...more,
});

/** What the browser brings back from the hub. */
export async function broughtBack(url: string, at: AtHub, browser = new Browser()): Promise<URLSearchParams> {
  const { location } = await throughHub(browser, url, at);
  if (!location?.startsWith(`${REDIRECT_URI}?`)) throw new Error(`the hub sends elsewhere: ${location}`);
  return new URL(location).searchParams;
}
