/** One instance of ZITADEL: everything it has stored, and how that changes, event by event. */
import { createHash, randomUUID } from 'node:crypto';
import type { DetailsJson } from '@zitadel/proto/zitadel/object/v2/object_pb.js';
import type { SetHumanProfileJson, UserStateJson } from '@zitadel/proto/zitadel/user/v2/user_pb.js';
import type { StoredAction, StoredExecution, StoredTarget } from './actions-store.ts';
import type { ActionRun } from './actions-v1.ts';
import type { App } from './apps.ts';
import { EVENT_TYPES } from './event-types.ts';
import type { InstanceKey } from './instance-key.ts';
import type { Policies } from './policies.ts';
import { DEFAULT_POLICIES } from './policies.ts';
import type { ExternalUser } from './relying-party.ts';

export interface Organization {
  readonly id: string;
  name: string;
  readonly domains: string[];
  /** What this organization has decided otherwise than its instance. */
  readonly policies: Partial<Policies>;
  isActive: boolean;
}

export interface Link {
  readonly idpId: string;
  /** The user's id at the provider. */
  readonly userId: string;
  userName: string;
}

export interface User {
  readonly id: string;
  readonly organization: string;
  username: string;
  state: UserStateJson;
  profile: SetHumanProfileJson;
  email: { address: string; isVerified: boolean };
  phone?: { number: string; isVerified: boolean };
  password?: { hash: string; changeRequired: boolean; changedAt: string };
  /** Wrong passwords in a row. */
  failedPasswords: number;
  /** Base 32. */
  totp?: { secret: string; isReady: boolean; failed: number };
  links: Link[];
  /** Base 64 by key. */
  metadata: Record<string, string>;
  readonly createdAt: string;
  changedAt: string;
  sequence: number;
}

export interface Grant {
  readonly id: string;
  readonly userId: string;
  readonly organization: string;
  readonly projectId: string;
  readonly projectGrantId: string;
  roleKeys: string[];
  isActive: boolean;
}

export interface Project {
  readonly id: string;
  readonly organization: string;
  readonly name: string;
  /** Display names by key. */
  readonly roles: Map<string, string>;
}

export interface Idp {
  readonly id: string;
  readonly kind: 'oidc' | 'jwt';
  /** The organization it belongs to; the instance when absent. */
  readonly organization?: string;
  isActive: boolean;
  name: string;
  issuer: string;
  readonly settings: Record<string, unknown>;
  options: {
    isLinkingAllowed: boolean;
    isCreationAllowed: boolean;
    isAutoCreation: boolean;
    isAutoUpdate: boolean;
    autoLinking:
      | 'AUTO_LINKING_OPTION_UNSPECIFIED'
      | 'AUTO_LINKING_OPTION_USERNAME'
      | 'AUTO_LINKING_OPTION_EMAIL';
  };
}

export interface Session {
  readonly id: string;
  token: string;
  readonly creator: string;
  userId?: string;
  /** RFC 3339, by factor. */
  readonly factors: Partial<Record<'user' | 'password' | 'intent' | 'totp', string>>;
  metadata: Record<string, string>;
  readonly createdAt: string;
  changedAt: string;
  sequence: number;
  expiresAt?: string;
}

export interface Intent {
  readonly id: string;
  readonly idpId: string;
  readonly successUrl: string;
  readonly failureUrl: string;
  codeVerifier?: string | undefined;
  state: 'started' | 'succeeded' | 'failed' | 'consumed';
  token?: string;
  /** The user at ZITADEL who is linked to it. */
  userId?: string;
  information?: Record<string, unknown>;
  addHumanUser?: Record<string, unknown>;
}

export interface WaitingForJwt {
  readonly idpId: string;
  end(work: Promise<ExternalUser>): Promise<void>;
}

export interface StoredEvent {
  readonly sequence: number;
  readonly type: string;
  readonly aggregate: { readonly type: string; readonly id: string; readonly resourceOwner: string };
  /** Who did it, which is not whom it was done to. */
  readonly editor: string;
  readonly createdAt: string;
  readonly payload: Record<string, unknown>;
}

export interface Actor {
  readonly userId: string;
  readonly organization: string;
  readonly roles: readonly string[];
}

export class Instance {
  readonly id = '100000000000000001';
  /** Where it is reached. */
  url = '';
  readonly organizations = new Map<string, Organization>();
  readonly users = new Map<string, User>();
  readonly idps = new Map<string, Idp>();
  readonly grants = new Map<string, Grant>();
  /** Logins at Login V1 that wait for a JWT provider, and how they ended. */
  readonly waitingForJwt = new Map<string, WaitingForJwt>();
  readonly sessions = new Map<string, Session>();
  readonly intents = new Map<string, Intent>();
  readonly targets = new Map<string, StoredTarget>();
  /** By condition, as `request/zitadel.user.v2.UserService/ListUsers`. */
  readonly executions = new Map<string, StoredExecution>();
  readonly actions = new Map<string, StoredAction>();
  /** The scripts that a flow's trigger runs, in order; see `flowKey`. */
  readonly flows = new Map<string, readonly string[]>();
  /** What Actions V1 did at logins, in order. */
  readonly actionRuns: (ActionRun & { readonly name: string; readonly trigger: string })[] = [];
  /** Whether a login makes a foreign hash ZITADEL's own, as it does there: off, so that tests find what was imported. */
  rehashes = false;
  /** Whether grants need their project and roles, which ZITADEL wants: tests without either leave it off. */
  checksProjects = false;
  readonly projects = new Map<string, Project>();
  /** Applications of the projects, by client id. */
  readonly apps = new Map<string, App>();
  readonly events: StoredEvent[] = [];
  /** What `ListEventTypes` answers, and what executions may name: releases differ. */
  eventTypes: readonly string[] = EVENT_TYPES;
  version = 'v4.17.3';
  /** The identity providers of the instance's login policy. */
  readonly loginIdps = new Set<string>();
  /** Organizations with a login policy of their own. */
  readonly organizationLogins = new Map<string, { readonly loginIdps: Set<string> }>();
  readonly features: Record<string, unknown> = {};
  readonly policies: Policies;
  /** CIDRs and names that nothing here may call; none by default, since everything in a test is on loopback. */
  denylist: readonly string[] = [];
  /** Whether searches see the past until `catchUp`. */
  isLagging = false;
  /** What an intent's answer proposes a user in: newer releases have `createUser` as well, and their login uses that. */
  intentAnswer: 'add-human-user' | 'create-user' = 'create-user';
  readonly key: InstanceKey;
  readonly now: () => number;
  readonly onEvent: Set<(event: StoredEvent) => void> = new Set();
  /** Whether events tell the hashes of passwords, to targets and in the list of events. */
  tellsHashes = true;
  readonly #sequences = new Map<string, number>();
  #projected = new Map<string, User>();
  #projectedGrants: readonly Grant[] = [];
  #ids = 0;

  constructor(key: InstanceKey, now: () => number) {
    this.key = key;
    this.now = now;
    this.policies = structuredClone(DEFAULT_POLICIES);
  }

  newId(): string {
    return String(300_000_000_000_000_000n + BigInt(++this.#ids));
  }

  newSecret(): string {
    return createHash('sha256').update(randomUUID()).digest('base64url');
  }

  get time(): string {
    return new Date(this.now()).toISOString();
  }

  /** Stores an event; whatever is said about a user counts as a change of theirs. */
  push(
    event: Pick<StoredEvent, 'type' | 'aggregate'> & { readonly payload?: Record<string, unknown> },
    actor: Pick<Actor, 'userId'>,
  ): StoredEvent {
    const aggregate = `${event.aggregate.type}/${event.aggregate.id}`;
    const sequence = (this.#sequences.get(aggregate) ?? 0) + 1;
    this.#sequences.set(aggregate, sequence);
    const stored = {
      payload: {},
      ...event,
      sequence,
      editor: actor.userId,
      createdAt: this.time,
    };
    this.events.push(stored);
    const user = event.aggregate.type === 'user' ? this.users.get(event.aggregate.id) : undefined;
    if (user) Object.assign(user, { sequence: stored.sequence, changedAt: stored.createdAt });
    if (!this.isLagging) this.catchUp(event.aggregate.id);
    if (!this.isLagging && event.aggregate.type === 'usergrant') this.catchUpGrants();
    for (const listener of this.onEvent) listener(stored);
    return stored;
  }

  userEvent(
    user: User,
    [type, payload = {}]: [string, (Record<string, unknown> | undefined)?],
    actor: Actor,
  ): StoredEvent {
    const aggregate = { type: 'user', id: user.id, resourceOwner: user.organization };
    return this.push({ type, aggregate, payload }, actor);
  }

  /** Users as searches see them. */
  get projected(): readonly User[] {
    return [...this.#projected.values()];
  }

  /** Grants as searches see them. */
  get projectedGrants(): readonly Grant[] {
    return this.#projectedGrants;
  }

  catchUpGrants(): void {
    this.#projectedGrants = structuredClone([...this.grants.values()]);
  }

  /** What an event says to others. */
  told({ payload }: Pick<StoredEvent, 'payload'>): Record<string, unknown> {
    const { encodedHash: _hash, ...rest } = payload;
    return this.tellsHashes ? payload : rest;
  }

  /** Lets searches see what has happened. */
  catchUp(id?: string): void {
    if (id === undefined) this.catchUpGrants();
    for (const one of id ? [id] : new Set([...this.users.keys(), ...this.#projected.keys()])) {
      const user = this.users.get(one);
      if (user) this.#projected.set(one, structuredClone(user));
      else this.#projected.delete(one);
    }
  }

  policiesOf(organization: string): Policies {
    return { ...this.policies, ...this.organizations.get(organization)?.policies };
  }

  /** The identity providers that a login offers: the organization's, or the instance's where it has no policy. */
  loginIdpsOf(organization: string | undefined): ReadonlySet<string> {
    return this.organizationLogins.get(organization ?? '')?.loginIdps ?? this.loginIdps;
  }

  details({
    sequence,
    changedAt,
    organization,
  }: Pick<User, 'sequence' | 'changedAt' | 'organization'>): DetailsJson {
    return { sequence: String(sequence), changeDate: changedAt, resourceOwner: organization };
  }

  detailsHere(organization = this.id): DetailsJson {
    return { sequence: String(this.events.length), changeDate: this.time, resourceOwner: organization };
  }
}
