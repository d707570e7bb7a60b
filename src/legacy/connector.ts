import type { z } from 'zod';
import type { ApplyOutcome, ColumnsInput } from './apply.ts';
import type { ApplySettings } from './apply-settings.ts';
import type { Feed, StoreSetup } from './feed.ts';

/**
 * A connector is one way into a legacy user store. It finds rows and says nothing about what they mean: that is the
 * mapping's part, and deadlines, retries and caching are the directory's.
 *
 * A new one, in five steps:
 * 1. `connectors/<name>/` exports a `connectorKind`: the schema of its settings, and a function that takes them and
 *    returns a `Connector`. It imports its driver inside, and connects when first asked: opening never fails because
 *    the store is down.
 * 2. Values reach the store as parameters of its own protocol, never as text in a statement, filter or path.
 * 3. Every failure of the store is thrown as `legacy_unavailable` with a `detail` that names host, table or code, and
 *    no value. A value the store cannot even compare (a letter where it expects a number) finds nobody: it is no failure.
 * 4. One line in `connectors/index.ts`: its name there is its key in the settings.
 * 5. Its test calls `connectorContract` (test/legacy/connector-contract.ts) with a store of three users.
 */

/** Column (or attribute) name to value, as the driver gives it. */
export type Row = Readonly<Record<string, unknown>>;

export interface LegacyRow {
  /** The store's primary key as text. */
  readonly id: string;
  readonly columns: Row;
}

/** Rows of other tables that belong to one user, by the name the settings give to their query. */
export type Related = Readonly<Record<string, readonly Row[]>>;

export interface Connector {
  /** Every row that answers to this login by the store's own comparison, `MAX_CANDIDATES` at most. Empty: nobody. */
  findByLogin(login: string): Promise<readonly LegacyRow[]>;
  /** Every row with this primary key by the store's own comparison; the caller checks `id` again. */
  findById(id: string): Promise<readonly LegacyRow[]>;
  /** Capability: many at once, in any order; ids that are not there are left out. */
  findByIds?(ids: readonly string[]): Promise<readonly LegacyRow[]>;
  /** One cheap round trip; throws legacy_unavailable. */
  ping(): Promise<void>;
  close(): Promise<void>;

  /** True where a row lacks the attributes that are not set (LDAP, documents). In tables, a column that is not there is a mistake. */
  readonly sparse?: boolean;
  /** Capability: rows beside the user's own. */
  related?(id: string): Promise<Related>;
  /** Capability: marks in the store itself that this user has moved, or has not. Throws user_not_found. */
  flag?(id: string, migrated: boolean): Promise<void>;
  /**
   * Capability: the store checks the password itself (an LDAP bind, an API call), for those whose hash cannot be read.
   * False: it is wrong. Throws legacy_unavailable: an outage is never a wrong password.
   */
  verifyPassword?(row: LegacyRow, password: string): Promise<boolean>;
  /** Which of the configured writes there are; without it nothing is written. */
  readonly writes?: ReadonlySet<LegacyWrite>;
  /**
   * Capability: one of the configured writes, with all of its values. How many rows it changed, where the store tells.
   * Throws legacy_unavailable, `conflictOf` it, bad_request for a value that the store does not take.
   */
  write?(what: LegacyWrite, values: WriteValues): Promise<number | undefined>;
  /** Capability: what sync writes, in one go and once; see `apply.ts`. Throws legacy_unavailable, `conflictOf`, bad_request. */
  apply?(input: ColumnsInput): Promise<ApplyOutcome>;
  /** Capability: whether a write with this mark was done; without it the store keeps no marks. */
  applied?(mark: string): Promise<boolean>;
  /** Capability: the store tells of its own changes. Opens nothing before it is read. */
  feed?(): Feed;
  /** Capability: what has to be made at the store for `apply` and `feed`. */
  setup?(): StoreSetup;
  /** Capability: waits until a scan can begin, however long it takes to prepare; throws legacy_unavailable. */
  ready?(): Promise<void>;
  /** Capability: how many users there are, where that is cheap to know. */
  count?(): Promise<number>;
  /** Capability: all users in the order of their ids, `limit` at most, after the id given (empty at the start). */
  page?(after: string, limit: number): Promise<readonly LegacyRow[]>;
}

/**
 * What may be written to a store besides the mark of who has moved, each by a statement or request of the operator's own,
 * with these values by name. `null` takes away.
 */
export const LEGACY_WRITES = {
  /** The user's id at the target, in a column of theirs. */
  linkPerson: ['id', 'targetUserId'],
  linkOrganization: ['organization', 'targetOrganizationId'],
  /** A member's roles, with commas between; inserts or updates. */
  setMember: ['organization', 'id', 'roles'],
  endMember: ['organization', 'id'],
  /** Deletes all memberships of an organization: the target's count from now on. */
  endMemberships: ['organization'],
  /** A user for somebody who signed in at the target and had none. */
  createPerson: ['targetUserId', 'email', 'name', 'givenName', 'familyName'],
} as const satisfies Record<string, readonly string[]>;
export type LegacyWrite = keyof typeof LEGACY_WRITES;
/** What a statement may leave out, and what a person may be without; the others are always used. */
export const OPTIONAL_VALUES: ReadonlySet<string> = new Set(['email', 'name', 'givenName', 'familyName']);
/** Which of them settings have. */
export const writesIn = (writes: { readonly [What in LegacyWrite]?: unknown } | undefined): LegacyWrite[] =>
  (Object.keys(LEGACY_WRITES) as LegacyWrite[]).filter((what) => writes?.[what] !== undefined);
export type WriteValues = Readonly<Record<string, string | null>>;

/** More rows than this for one login are ambiguous without a look at them. */
export const MAX_CANDIDATES = 20;
/** One user's roles, credentials, properties: a query that gives more has lost its condition. */
export const MAX_RELATED_ROWS = 1_000;

export interface OpenOptions {
  readonly timeoutMs: number;
  /** The column that says when a row was last changed, where the mapping names one and nothing else. */
  readonly updatedAt?: string;
}

/** One way into a store as the settings offer it. */
export interface ConnectorKind<Settings extends z.ZodType = z.ZodType> {
  readonly settings: Settings;
  open(settings: z.output<Settings>, limits: OpenOptions): Connector;
  /** The part of the settings that a URL says, for the short way to write a store; throws an Error for another URL. */
  fromUrl?(url: string): Readonly<Record<string, unknown>>;
  /** Names that the mapping may use with `from`. */
  relatedNames?(settings: z.output<Settings>): readonly string[];
  /** Whether the store can check passwords itself. */
  verifiesPasswords?(settings: z.output<Settings>): boolean;
  /** Which writes there are. */
  writes?(settings: z.output<Settings>): readonly LegacyWrite[];
  /** What sync may write, and where; undefined: nothing. */
  applies?(settings: z.output<Settings>): ApplySettings | undefined;
  /** Columns that what people type is compared with; undefined where only the store knows. */
  loginColumns?(settings: z.output<Settings>): readonly string[] | undefined;
}

export const connectorKind = <Settings extends z.ZodType>(kind: ConnectorKind<Settings>) => kind;
