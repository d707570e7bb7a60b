/** What the login pages need of the rest. */
import type { Context } from 'koa';
import type { Provider } from 'oidc-provider';
import type { TargetLink } from '../migration/target-link.ts';
import type { Endings } from '../sessions/ending/ending.ts';
import type { LegacySessions } from '../sessions/legacy-sessions.ts';
import type { Keyring } from '../store/encryption.ts';
import type { User } from '../user.ts';
import type { ClaimPages } from './claiming/index.ts';
import type { LoginDeps, Proof } from './login-limits.ts';
import type { LookupRate } from './lookup-rate.ts';
import type { Onward } from './onward.ts';
import type { Page } from './pages/index.ts';
import type { Scopes } from './request-scope.ts';
import type { SessionLifetimes } from './session-lives.ts';

export interface LoginRoutesOptions extends LoginDeps {
  readonly provider: Provider;
  readonly keyring: Keyring;
  readonly scopes: Scopes;
  readonly issuer: string;
  readonly renderPage: (ctx: Context, page: Page, status?: number) => void;
  readonly clientName: (clientId: string) => string | undefined;
  /** For metrics: how each try ended. */
  readonly onProof?: (kind: Proof['kind'] | 'outage', clientId: string) => void;
  /** Where those who have moved for good are sent. Throws storage_unavailable. */
  readonly targetLink: (target: string, user: User) => Promise<TargetLink> | TargetLink;
  /** People who go on to a target while they log in; absent: nobody does. */
  readonly onward?: Onward;
  /** People who sign in at a target, and people whose old login ends; absent: there are none. */
  readonly claimPages?: Pick<ClaimPages, 'signInWith' | 'atLogin'> | undefined;
  readonly lookups: LookupRate;
  /** Absent: there is no legacy app with sessions, and nobody is asked about any. */
  readonly legacySessions?: LegacySessions;
  readonly endings: Endings;
  readonly lifetimes: SessionLifetimes;
}

export type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>;
