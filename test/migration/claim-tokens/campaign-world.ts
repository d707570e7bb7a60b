/**
 * Whom campaigns of claim tokens write to: a real database and real mail; the legacy store is a list that is read in pages.
 * Needs nothing of vitest, so that a process of its own can have the same world.
 */
import { randomBytes } from 'node:crypto';
import { FootbridgeError } from '../../../src/errors.ts';
import type { DirectoryEntry } from '../../../src/legacy/entries.ts';
import { mailSettings } from '../../../src/mail/mail-settings.ts';
import { openMailer } from '../../../src/mail/mailer.ts';
import type { Clock } from '../../../src/mail/pace.ts';
import type { Selection } from '../../../src/migration/batch/selection.ts';
import { selectionSchema } from '../../../src/migration/batch/selection.ts';
import type {
  ClaimCampaignDeps,
  ClaimCampaignRequest,
} from '../../../src/migration/claim-tokens/campaign.ts';
import type { ClaimCampaignReport } from '../../../src/migration/claim-tokens/campaign-run.ts';
import { runClaimCampaign } from '../../../src/migration/claim-tokens/campaign-run.ts';
import { claimTokensSettings } from '../../../src/migration/claim-tokens/claim-settings.ts';
import type { RunContext } from '../../../src/migration/mailings/run.ts';
import { Secret } from '../../../src/settings.ts';
import { openAuditLog } from '../../../src/store/audit-log.ts';
import { openDb, statement } from '../../../src/store/db.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import { openTargets } from '../../../src/targets/index.ts';
import { targetSettings } from '../../../src/targets/target-settings.ts';
import type { LegacyEntry, User } from '../../../src/user.ts';
import { findBySubsWith } from '../../support/find-by-subs.ts';
import { NO_WRITES } from '../../support/no-writes.ts';

export const ISSUER = 'https://id.example';
export const CAMPAIGN = 'spring';

export interface CampaignPlace {
  readonly databaseUrl: string;
  readonly smtpPort: number;
  readonly masterKey?: string;
  readonly claimTokens?: object;
  readonly mail?: object;
}

export type CampaignWorld = ReturnType<typeof openCampaignWorld>;

export function openCampaignWorld({ databaseUrl, smtpPort, masterKey, claimTokens, mail }: CampaignPlace) {
  const db = openDb({ url: databaseUrl });
  const keyring = openKeyring(new Secret(masterKey ?? randomBytes(32).toString('base64')));
  const audit = openAuditLog({ db, keyring });
  const people = new Map<string, LegacyEntry>();
  /** `readsUntil`: the legacy store goes down when it is asked for the pages after this subject. */
  const state = { isLegacyDown: false, readsUntil: undefined as string | undefined, read: 0 };
  const mailer = openMailer(
    mailSettings.parse({
      smtp: { url: `smtp://127.0.0.1:${smtpPort}` },
      from: 'Shop <accounts@shop.example>',
      perMinute: 6_000,
      ...mail,
    }),
    { nowMs: () => Date.now(), sleep: async () => undefined },
  );
  const targets = openTargets(targetSettings.parse([TARGET]), {
    issuer: ISSUER,
    ourIdp: async () => undefined,
  });
  const deps: ClaimCampaignDeps = {
    ...{ db, targets, issuer: ISSUER, pseudonym: audit.pseudonym },
    // It takes a thousand a second.
    mailer: { ...mailer, perMinute: 60_000 },
    directory: directoryOf(people, state),
    claimTokens: claimTokensSettings.parse([{ target: 'main', ...claimTokens }]),
  };
  return {
    ...{ db, keyring, audit, deps, people, state, targets },
    /** So many active people with a verified address. */
    add(count: number, more: Partial<User> = {}): string[] {
      const first = people.size;
      return Array.from({ length: count }, (_, i) => {
        const user = userOf(String(first + i).padStart(5, '0'), more);
        people.set(user.sub, { user, credentials: { passwords: [] } });
        return user.sub;
      });
    },
    change(sub: string, more: Partial<User>): void {
      const entry = people.get(sub)!;
      people.set(sub, { ...entry, user: { ...entry.user, ...more } });
    },
    /** As the ledger has them. */
    async stand(state: string, ...subs: string[]): Promise<void> {
      const id = state === 'migrated' ? 'there-' : null;
      await db.run(INTO_LEDGER, [subs, state, id]);
    },
    run: (
      request: Partial<ClaimCampaignRequest> = {},
      clock?: Clock,
      context: Partial<RunContext> = {},
    ): Promise<ClaimCampaignReport> =>
      runClaimCampaign({ ...deps, ...(clock ? { clock } : {}) }, requestOf(request), {
        actor: 'operator:test',
        ...context,
      }),
    async close(): Promise<void> {
      await mailer.close();
      await targets.close();
      await db.close();
    },
  };
}

const TARGET = {
  name: 'main',
  kind: 'zitadel',
  displayName: 'New & Co',
  loginUrl: 'https://new.example/login',
};

const INTO_LEDGER = statement(`insert into ledger (target, sub, state, from_state, target_user_id)
  select 'main', u.sub, $2::text, 'queued', $3::text || u.sub from unnest($1::text[]) u(sub)
  on conflict (target, sub) do update set state = excluded.state, target_user_id = excluded.target_user_id`);

export const selection = (asked: object = {}): Selection =>
  selectionSchema.parse({ target: 'main', order: 'id', ...asked });

export const requestOf = (more: Partial<ClaimCampaignRequest> = {}): ClaimCampaignRequest => ({
  campaign: CAMPAIGN,
  selection: selection(),
  organizations: false,
  perHour: 3_600_000,
  repeatUnsure: false,
  repeatFailed: false,
  ...more,
});

export const emailOf = (sub: string) => `${sub.slice(5)}@example.com`;

function userOf(id: string, more: Partial<User>): User {
  return {
    ...{ sub: `shop:${id}`, legacyId: id, username: `user-${id}`, email: `${id}@example.com` },
    ...{ emailVerified: true, phoneNumberVerified: false, name: `Person ${id}`, state: 'active' },
    ...{ roles: [], attributes: {} },
    ...more,
  };
}

const PAGE = 500;

function directoryOf(
  people: ReadonlyMap<string, LegacyEntry>,
  state: { readonly isLegacyDown: boolean; readonly readsUntil: string | undefined; read: number },
): ClaimCampaignDeps['directory'] {
  const down = () => new FootbridgeError('legacy_unavailable', { retryAfterSeconds: 2 });
  const findBySub = async (sub: string) => {
    if (state.isLegacyDown) throw down();
    return people.get(sub);
  };
  return {
    ...NO_WRITES,
    legacyIdOf: (sub) => (sub.startsWith('shop:') ? sub.slice(5) : undefined),
    findBySub,
    findBySubs: findBySubsWith(findBySub),
    count: async () => people.size,
    async *entries(after = ''): AsyncGenerator<DirectoryEntry> {
      const subs = [...people.keys()].sort().filter((sub) => sub > after);
      for (const [i, sub] of subs.entries()) {
        const isGone = state.readsUntil !== undefined && i % PAGE === 0 && sub > state.readsUntil;
        if (state.isLegacyDown || isGone) throw down();
        state.read += 1;
        yield { sub, ...people.get(sub)! };
      }
    },
  };
}
