/** What the pages need by which people link their accounts. */
import type { Context } from 'koa';
import type { Provider } from 'oidc-provider';
import type { Directory } from '../../legacy/directory.ts';
import type { ClaimTokenSettings } from '../../migration/claim-tokens/claim-settings.ts';
import type { ClaimingDeps } from '../../migration/claim-tokens/claiming.ts';
import type { Enforcement } from '../../migration/claim-tokens/enforcement.ts';
import type { Endings } from '../../sessions/ending/ending.ts';
import type { Db } from '../../store/db.ts';
import type { Keyring } from '../../store/encryption.ts';
import type { Targets } from '../../targets/target.ts';
import type { LookupRate } from '../lookup-rate.ts';
import type { Page } from '../pages/index.ts';
import type { Scopes } from '../request-scope.ts';
import type { SessionLifetimes } from '../session-lives.ts';

/** How a try to link ended, from a closed set. */
export interface ClaimOutcome {
  readonly target: string;
  readonly purpose: 'person' | 'organization' | 'sign-in';
  readonly outcome: string;
}

/** What `app.ts` hands in where the settings have claim tokens. */
export interface ClaimingParts {
  readonly claimTokens: readonly ClaimTokenSettings[];
  readonly claiming: ClaimingDeps;
  readonly enforcement: Enforcement;
  /** Whether we send letters at all. */
  readonly mails: boolean;
  /** The company's name for people. */
  readonly siteName: string;
  /** Something was asked for that goes on by itself: letters, what the legacy store is told. */
  readonly kick: (key: string) => void;
  readonly onClaim: (outcome: ClaimOutcome) => void;
}

export interface ClaimingOptions extends ClaimingParts {
  readonly provider: Provider;
  readonly issuer: string;
  readonly lifetimes: SessionLifetimes;
  readonly db: Db;
  readonly keyring: Keyring;
  readonly directory: Directory;
  readonly targets: Targets;
  readonly scopes: Scopes;
  readonly endings: Pick<Endings, 'end'>;
  readonly lookups: LookupRate;
  readonly renderPage: (ctx: Context, page: Page, status?: number) => void;
  readonly onError: (error: unknown, where: string) => void;
}
