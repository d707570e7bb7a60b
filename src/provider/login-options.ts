/** What the login pages need of the rest. */
import type { Context } from 'koa';
import type { Provider } from 'oidc-provider';
import type { TargetLink } from '../migration/target-link.ts';
import type { LegacyLogin } from '../sessions/legacy-session.ts';
import type { Keyring } from '../store/encryption.ts';
import type { User } from '../user.ts';
import type { LoginDeps, Proof } from './login-limits.ts';
import type { LookupRate } from './lookup-rate.ts';
import type { Onward } from './onward.ts';
import type { Page } from './pages/index.ts';
import type { Scopes } from './request-scope.ts';

export interface LoginRoutesOptions extends LoginDeps {
  readonly provider: Provider;
  readonly keyring: Keyring;
  readonly scopes: Scopes;
  readonly issuer: string;
  readonly renderPage: (ctx: Context, page: Page, status?: number) => void;
  readonly clientName: (clientId: string) => string | undefined;
  /** For metrics: how each try ended. */
  readonly onProof?: (kind: Proof['kind']) => void;
  /** Where those who have moved for good are sent. Throws storage_unavailable. */
  readonly targetLink: (target: string, user: User) => Promise<TargetLink> | TargetLink;
  /** People who go on to a target while they log in; absent: nobody does. */
  readonly onward?: Onward;
  readonly lookups: LookupRate;
  /** Creates the legacy apps' sessions; never throws, and may send the browser by way of a legacy app. */
  readonly startLegacySessions: (
    login: LegacyLogin,
  ) => Promise<{ setCookies: readonly string[]; redirectTo?: string }>;
}

export type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>;
