/**
 * What a target is to the rooms above: a kind with its abilities, and the operator's settings for one instance of it.
 *
 * A new kind is a folder (or file) that exports a `TargetKind` and a line in `index.ts`; its test is one call of
 * `targetKindContract`. Write down what the target really reads, with its bounds: a hash that it takes and can never
 * verify locks a person out.
 */
import type { AcceptedFormat } from '../credentials/accepted-format.ts';
import type { TotpSecret } from '../user.ts';
import type { TargetConnection } from './connection.ts';
import type { OpenPayload, PayloadDeps, TargetHook } from './hook.ts';
import type { TargetOrganizations } from './organizations.ts';
import type { OpenSetup } from './setup.ts';
import type { TargetSignIn } from './sign-in.ts';
import type { TargetSettings } from './target-settings.ts';
import type { TargetWebhook } from './webhook.ts';

/** An OpenID Connect claim without which the target cannot make a user. */
export type NeededClaim = 'given_name' | 'family_name' | 'preferred_username' | 'email';

/** The seeds that the target computes codes from; RFC 6238 leaves all three open. */
export interface TotpRules {
  readonly algorithms: readonly TotpSecret['algorithm'][];
  readonly digits: readonly TotpSecret['digits'][];
  readonly periodSeconds: readonly number[];
}

/** A system that hashes can be written for. */
export interface HashReader {
  readonly kind: string;
  /** The hash formats it reads, first preferred. */
  readonly accepts: readonly AcceptedFormat[];
  /** `run`: its own code verified what is written for it; `documentation`: it was only read about. */
  readonly evidence: 'run' | 'documentation';
}

/** What a kind's API can do with many people, for whoever plans a batch. */
export interface Capabilities {
  /** Whose ids its users get: what we ask for, or what it makes up. */
  readonly ids: 'ours' | 'theirs';
  /**
   * What keeps a second try from making a second user: our user id; an id of ours that is unique there; the link to our
   * subject, which we look for; or that it takes whoever comes again for the same person.
   */
  readonly uniqueBy: 'user-id' | 'external-id' | 'link' | 'upsert';
  readonly batch: {
    /** Users per call that it is comfortable with, and at most. */
    readonly users: number;
    readonly max: number;
    /** At most, where one of them has no hash but a password in clear. */
    readonly maxWithPlain?: number;
    /** Whether it says of each what became of them, or takes all or none. */
    readonly rowErrors: boolean;
    /** Users per second that were measured, or are documented, on two cores: for forecasts. */
    readonly usersPerSecond: number;
  };
  /** Web Authentication credentials, recovery codes in clear, accounts elsewhere, our metadata, roles. */
  readonly passkeys: boolean;
  readonly recoveryCodes: boolean;
  readonly links: boolean;
  readonly metadata: boolean;
  readonly grants: boolean;
  /** How it comes to ask us about a password typed there: with a placeholder hash, a mark of its own, or not at all. */
  readonly typedPasswords: 'placeholder' | 'mark' | 'no';
  /** Whether it mails people a way to a new password, or gives us a link to mail. */
  readonly reset: 'mail' | 'link' | 'no';
}

/** A system that people can be moved to. */
export interface TargetKind extends HashReader {
  readonly totp: TotpRules;
  readonly needs: readonly NeededClaim[];
  /** Of those that `connect`. */
  readonly capabilities?: Capabilities;
  /** Opens its API; a kind without it only fetches. Connects when first asked. */
  connect?(target: Target, deps: ConnectDeps): TargetConnection;
  /** How people sign in there with us as its client; by OpenID Connect where a kind says nothing. For targets with `signIn`. */
  openSignIn?(target: Target): TargetSignIn;
  /** Who is in which organization, for kinds that have some. */
  openOrganizations?(target: Target): TargetOrganizations | undefined;
  /** Events that it sends; undefined where the settings say nothing of them. */
  openWebhook?(target: Target, deps?: Pick<ConnectDeps, 'isSynced'>): TargetWebhook | undefined;
  /** What it calls at us. */
  readonly hooks?: readonly TargetHook[];
  /** How the bodies of its calls are opened; as JSON when absent. */
  payloads?(target: Target, deps: PayloadDeps): OpenPayload;
  /** Opens its API to set us up there (`target setup`); throws target_without_api. */
  readonly openSetup?: OpenSetup;
}

export interface ConnectDeps {
  /** The provider's issuer, as the target knows it. */
  readonly issuer: string;
  /** The id of our identity provider at the target, once it was set up there. */
  readonly ourIdp: () => Promise<string | undefined>;
  /** What stands in a password's place where the target asks us about it: names the person, and nobody can make one up. */
  readonly reference?: (sub: string) => string;
  /** Sync keeps the legacy store and this target equal. */
  readonly isSynced?: boolean;
  /** Seconds since the epoch; the system's clock by default. */
  readonly nowSeconds?: () => number;
}

/** One configured target. */
export interface Target extends TargetKind, Omit<TargetSettings, 'kind' | 'accepts'> {}

export interface Targets {
  readonly all: readonly Target[];
  byName(name: string): Target | undefined;
  /** The target this OAuth client belongs to; a client belongs to one at most. */
  byClient(clientId: string): Target | undefined;
  /** Its API, where the settings say how to reach it. */
  connection(name: string): TargetConnection | undefined;
  /** Where the settings say who we are there. */
  signIn(name: string): TargetSignIn | undefined;
  organizations(name: string): TargetOrganizations | undefined;
  webhook(name: string): TargetWebhook | undefined;
  close(): Promise<void>;
}

export function readsTotp(rules: TotpRules, { algorithm, digits, periodSeconds }: TotpSecret): boolean {
  return (
    rules.algorithms.includes(algorithm) &&
    rules.digits.includes(digits) &&
    rules.periodSeconds.includes(periodSeconds)
  );
}
