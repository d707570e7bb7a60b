/** What a target says of organizations and who is in them. All calls are bounded in time and throw target_unavailable, target_refused. */

export interface TargetOrganization {
  readonly targetOrganizationId: string;
  readonly name: string;
}

export interface TargetMember {
  readonly targetUserId: string;
  readonly membershipId?: string;
  /** The target's names of roles, sorted. */
  readonly roles: readonly string[];
}

export interface TargetOrganizations {
  /** Undefined: there is none, or it has taken our access away. */
  organization(targetOrganizationId: string): Promise<TargetOrganization | undefined>;
  /** All of them; undefined as above. */
  members(targetOrganizationId: string): Promise<readonly TargetMember[] | undefined>;
  close(): Promise<void>;
}
