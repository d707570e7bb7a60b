/** A target with organizations, a legacy store that is told of them, and nodes that follow: all but the database in memory. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { ErrorCode } from '../../../src/errors.ts';
import { FootbridgeError } from '../../../src/errors.ts';
import type { LegacyWrite, WriteValues } from '../../../src/legacy/connector.ts';
import { LEGACY_WRITES } from '../../../src/legacy/connector.ts';
import type { Directory } from '../../../src/legacy/directory.ts';
import { claimTokensSettings } from '../../../src/migration/claim-tokens/claim-settings.ts';
import { move, proveParts } from '../../../src/migration/ledger.ts';
import { Secret } from '../../../src/settings.ts';
import type { AuditEntry } from '../../../src/store/audit-log.ts';
import { openAuditLog } from '../../../src/store/audit-log.ts';
import type { Db } from '../../../src/store/db.ts';
import { openDb, statement } from '../../../src/store/db.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import type { Turn } from '../../../src/sync/organizations/attending.ts';
import type { Following, FollowingDeps } from '../../../src/sync/organizations/following.ts';
import { openFollowing } from '../../../src/sync/organizations/following.ts';
import type { TargetMember } from '../../../src/targets/organizations.ts';
import type { TargetEvent, TargetWebhook } from '../../../src/targets/webhook.ts';
import { testDatabase } from '../../support/postgres.ts';

export const TARGET = 'hub';
export const WEBHOOK_SECRET = 'shared with the hub';

/** What is true at the target: organization → member → roles. */
export type Truth = Map<string, Map<string, readonly string[]>>;

export interface Hub {
  readonly truth: Truth;
  /** It does not answer. */
  isDown: boolean;
  /** What it throws instead. */
  failure: Error | undefined;
  /** Organizations that we may no longer see. */
  readonly revoked: Set<string>;
  /** How often members were asked for. */
  reads: number;
  /** Runs after it has looked, and before it answers. */
  meanwhile: (() => Promise<unknown>) | undefined;
  /** What it has kept to be read again, oldest first; undefined: it keeps nothing. */
  kept: TargetEvent[] | undefined;
  readonly replays: { readonly since: Date; readonly page: number }[];
}

export interface Store {
  /** `<organization> <id>` → roles with commas between. */
  readonly members: Map<string, string>;
  /** Organizations → id at the target. */
  readonly links: Map<string, string | null>;
  readonly calls: string[];
  isDown: boolean;
  /** Members whose write fails. */
  readonly refused: Map<string, ErrorCode>;
  readonly writes: Set<LegacyWrite>;
  /** Runs before a write. */
  meanwhile: (() => Promise<unknown>) | undefined;
}

export interface Place {
  readonly db: Db;
  readonly hub: Hub;
  readonly store: Store;
  readonly targets: FollowingDeps['targets'];
  readonly directory: Pick<Directory, 'writes' | 'write'>;
  readonly errors: unknown[];
  readonly turns: Turn[];
  pseudonym(sub: string): Buffer;
  node(more?: Partial<FollowingDeps>): Following;
  sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  /** As its owner has linked it. */
  link(organization: string, targetOrganizationId: string): Promise<void>;
  /** Somebody of the legacy store who has linked their account. */
  person(sub: string, targetUserId: string): Promise<void>;
  /** Everything that waits for its time is due. */
  timePasses(): Promise<void>;
  /** A node leases an organization that is due and stops for ever: when it asks the hub, or before a write of the store. */
  stopsAt(where: Hub | Store): Promise<void>;
  /** Nodes that died are known to be dead. */
  leasesEnd(): Promise<void>;
  /** `target user` → legacy roles of an organization's members now. */
  members(organization: string): Promise<Record<string, readonly string[]>>;
  audit(action: string): Promise<AuditEntry[]>;
  clear(): Promise<void>;
  close(): Promise<void>;
}

export const SETTINGS = {
  target: TARGET,
  organizations: { roles: { admin: 'manager', owner: ['manager', 'billing'] }, dropUnknownRoles: false },
};

export async function openPlace(): Promise<Place> {
  const database = await testDatabase();
  const db = openDb({ url: database.url });
  const keyring = openKeyring(new Secret(randomBytes(32).toString('base64')));
  const audit = openAuditLog({ db, keyring });
  const sql = (text: string, values?: unknown[]) => db.run(statement(text), values);
  const hub: Hub = {
    truth: new Map(),
    isDown: false,
    failure: undefined,
    revoked: new Set(),
    reads: 0,
    meanwhile: undefined,
    kept: undefined,
    replays: [],
  };
  const store: Store = {
    members: new Map(),
    links: new Map(),
    calls: [],
    isDown: false,
    refused: new Map(),
    writes: new Set(),
    meanwhile: undefined,
  };
  // The log is append-only: what was there before a test is no part of it.
  let auditedUntil = '0';
  const [errors, turns]: [unknown[], Turn[]] = [[], []];
  const targets = targetsOf(hub);
  const directory = directoryOf(store);
  const { pseudonym } = audit;
  const node = (more: Partial<FollowingDeps> = {}) =>
    openFollowing({
      db,
      targets,
      directory,
      pseudonym,
      claimTokens: claimTokensSettings.parse([SETTINGS]),
      onError: (error) => errors.push(error),
      onTurn: (turn) => turns.push(turn),
      ...more,
    });
  return {
    db,
    hub,
    store,
    targets,
    directory,
    errors,
    turns,
    pseudonym,
    sql,
    node,
    link: async (organization, targetOrganizationId) => {
      await sql(
        `insert into organization_links (target, organization, target_organization_id, state, owner_sub)
          values ($1, $2, $3, 'linked', 'shop:1')`,
        [TARGET, organization, targetOrganizationId],
      );
    },
    person: async (sub, targetUserId) => {
      const common = { target: TARGET, sub, subject: pseudonym(sub) };
      await db.runParts(proveParts({ ...common, legacyId: sub, amr: [] }), 'select 1');
      await move(db, { ...common, event: 'create', actor: 'user', targetUserId });
    },
    timePasses: async () => {
      await sql('update organization_links set due_at = now() where lease is null');
    },
    stopsAt: async (where) => {
      const { promise: isThere, resolve: arrive } = Promise.withResolvers<void>();
      where.meanwhile = () => {
        arrive();
        return new Promise(() => undefined);
      };
      // One at a time, or its other half would take over what this one has died with.
      void node().refreshDue(1);
      await isThere;
      where.meanwhile = undefined;
    },
    leasesEnd: async () => {
      await sql(`update organization_links set leased_until = now() where lease is not null`);
      await sql(`update target_replays set leased_until = now() where lease is not null`);
    },
    members: async (organization) => {
      const rows = await sql(
        `select target_user_id, legacy_roles from organization_members
          where organization = $1 and ended_at is null order by target_user_id`,
        [organization],
      );
      return Object.fromEntries(rows.map((row) => [row.target_user_id, row.legacy_roles]));
    },
    audit: (action) => audit.records({ action, after: auditedUntil, limit: 1_000 }),
    clear: async () => {
      for (const table of [
        'organization_links',
        'organization_members',
        'target_events',
        'target_replays',
        'ledger',
        'claim_tokens',
      ])
        await sql(`delete from ${table}`);
      const [last] = await sql('select coalesce(max(id), 0)::text as id from audit_log');
      auditedUntil = String(last?.id);
      hub.truth.clear();
      hub.revoked.clear();
      hub.replays.length = 0;
      Object.assign(hub, {
        isDown: false,
        failure: undefined,
        reads: 0,
        meanwhile: undefined,
        kept: undefined,
      });
      store.members.clear();
      store.links.clear();
      store.refused.clear();
      store.calls.length = 0;
      store.writes.clear();
      for (const what of Object.keys(LEGACY_WRITES)) store.writes.add(what as LegacyWrite);
      Object.assign(store, { isDown: false, meanwhile: undefined });
      errors.length = 0;
      turns.length = 0;
    },
    close: async () => {
      await db.close();
      await database.drop();
    },
  };
}

const unavailable = (code: 'target_unavailable' | 'legacy_unavailable') => new FootbridgeError(code);

function targetsOf(hub: Hub): FollowingDeps['targets'] {
  return {
    all: [{ name: TARGET }, { name: 'silent' }],
    webhook: (name) => (name === TARGET ? webhookOf(hub) : undefined),
    organizations: (name) =>
      name === TARGET
        ? {
            organization: async () => undefined,
            members: async (id) => {
              hub.reads += 1;
              if (hub.isDown) throw hub.failure ?? unavailable('target_unavailable');
              const said = hub.revoked.has(id) ? undefined : hub.truth.get(id);
              const members =
                said &&
                [...said].map(([targetUserId, roles]): TargetMember => {
                  return { targetUserId, membershipId: `m-${targetUserId}`, roles };
                });
              await hub.meanwhile?.();
              return members;
            },
            close: async () => undefined,
          }
        : undefined,
  };
}

const PAGE = 2;

/** Signed as a hub signs: an HMAC over the raw body, in hex. */
function webhookOf(hub: Hub): TargetWebhook {
  return {
    read: (headers, body) => {
      const right = createHmac('sha256', WEBHOOK_SECRET).update(body).digest();
      const given = Buffer.from(String(headers['x-signature'] ?? ''), 'hex');
      if (given.length !== right.length || !timingSafeEqual(given, right))
        throw new FootbridgeError('bad_signature');
      return eventOf(JSON.parse(body.toString()));
    },
    ...(hub.kept
      ? {
          replay: async (since: Date, page: number) => {
            hub.replays.push({ since, page });
            await hub.meanwhile?.();
            if (hub.isDown) throw hub.failure ?? unavailable('target_unavailable');
            const from = (hub.kept ?? []).filter(({ at }) => at >= since);
            const events = from.slice((page - 1) * PAGE, page * PAGE);
            return { events, isLast: page * PAGE >= from.length };
          },
        }
      : {}),
    close: async () => undefined,
  };
}

const eventOf = ({ at, ...event }: Omit<TargetEvent, 'at'> & { readonly at: string }): TargetEvent => ({
  ...event,
  at: new Date(at),
});

export const signature = (body: string, secret = WEBHOOK_SECRET): string =>
  createHmac('sha256', secret).update(body).digest('hex');

export const membershipsEvent = (id: string, targetOrganizationId: string, at = new Date()): TargetEvent => ({
  id,
  name: 'hub.member_roles_updated',
  about: { kind: 'memberships', targetOrganizationId },
  at,
});

function directoryOf(store: Store): Place['directory'] {
  return {
    writes: () => store.writes,
    write: async (_, what: LegacyWrite, values: WriteValues) => {
      await store.meanwhile?.();
      if (store.isDown) throw unavailable('legacy_unavailable');
      const refused = store.refused.get(values.id ?? '');
      if (refused) throw new FootbridgeError(refused);
      const { organization, id, roles } = values;
      store.calls.push([what, organization, id, roles].filter((one) => one !== undefined).join(' '));
      const key = `${organization} ${id}`;
      if (what === 'setMember') store.members.set(key, roles ?? '');
      if (what === 'endMember') store.members.delete(key);
      if (what === 'endMemberships')
        for (const member of [...store.members.keys()])
          if (member.startsWith(`${organization} `)) store.members.delete(member);
      if (what === 'linkOrganization')
        store.links.set(organization ?? '', values.targetOrganizationId ?? null);
      return 1;
    },
  };
}
