/**
 * Every error the outside may see, once: stable code → HTTP status → sentence.
 * HTTP answers are problem documents (RFC 9457) with that code. The private detail goes to the log, never out.
 */
export const ERRORS = {
  bad_request: [400, 'The request is not well-formed.'],
  body_too_large: [413, 'The request body is larger than allowed.'],
  unauthorized: [401, 'The caller could not be authenticated.'],
  bad_signature: [401, 'The signature does not match the body, or its time is out of bounds.'],
  replayed: [409, 'This signed request was already used.'],
  insufficient_scope: [403, 'The caller lacks the scope for this.'],
  no_export_ticket: [403, 'No ticket for this user and caller: the user has to log in first.'],
  proof_needed: [403, 'Nothing proves that the user is there: a password, or your word that you checked it.'],
  wrong_password: [401, 'The password is wrong, or there is no such user.'],
  ticket_expired: [403, 'The ticket has expired: the user has to log in again.'],
  ticket_used: [409, 'This ticket was already used.'],
  already_migrated: [410, 'This user has already moved: the secrets are no longer handed out.'],
  user_not_found: [404, 'There is no such user.'],
  user_ambiguous: [409, 'More than one legacy record answers to this login.'],
  user_disabled: [403, 'This user is disabled in the legacy store.'],
  user_excluded: [403, 'This user is excluded from the migration.'],
  illegal_transition: [409, 'The user cannot go from the present state to the one asked for.'],
  already_linked: [409, 'This target user is already linked to somebody else.'],
  user_linked: [409, 'This person is already linked to another user of the target.'],
  claim_token_unknown: [404, 'There is no such link.'],
  claim_token_spent: [410, 'This link was already used, or taken back.'],
  claim_token_expired: [410, 'This link has expired.'],
  claim_token_purpose: [400, 'This link is for something else.'],
  claim_token_held: [409, 'Somebody else at the target has begun with this link.'],
  organization_not_found: [404, 'There is no such organization, or this person is not in it.'],
  organization_linked: [409, 'This organization is already linked to another one.'],
  owner_needed: [403, 'Only the owner of an organization can link it.'],
  person_first: [409, 'The owner has to link their own account first.'],
  no_verified_address: [409, 'No email address of theirs was verified: mail could reach somebody else.'],
  target_conflict: [
    409,
    'The target has somebody with this username or email, and nothing proves that it is the same person.',
  ],
  target_refused: [502, 'The target refused what it was asked for.'],
  target_unavailable: [503, 'The target does not answer at the moment.'],
  batch_not_found: [404, 'There is no batch of this name.'],
  batch_exists: [409, 'There is a batch of this name already, with another plan.'],
  batch_state: [409, 'The batch is not in a state for that.'],
  target_without_api: [409, 'The settings do not say how to reach this target’s API.'],
  sync_state: [409, 'The synchronisation is not in a state for that.'],
  sync_not_configured: [409, 'The settings do not say that this target is kept in sync.'],
  feed_lost: [409, 'The legacy store has not kept all of its changes: both sides have to be compared anew.'],
  backlog_full: [503, 'More changes are waiting than may wait. Send them again a little later.'],
  conflict_not_found: [404, 'There is no such conflict, or it is decided.'],
  plan_not_found: [404, 'There is no rollout plan for this target.'],
  plan_invalid: [400, 'The rollout plan is not valid.'],
  phase_not_found: [404, 'There is no phase of this name.'],
  phase_state: [409, 'The phase is not in a state for that.'],
  rollout_stays: [409, 'The rollout plan leaves this person at the old login.'],
  forecast_needs_census: [
    409,
    'Nothing can be foreseen before the legacy store was read once: `rollout census`.',
  ],
  foreign_form: [403, 'This form was not sent by a page of the console. Open the page again.'],
  confirmation_expired: [
    409,
    'What was to be confirmed was shown too long ago. Look at what will happen again.',
  ],
  role_needed: [403, 'Your role does not allow this.'],
  approval_needed: [403, 'This is dangerous: somebody else has to approve it first.'],
  approval_not_found: [404, 'There is no such request for an approval.'],
  approval_state: [409, 'The request for an approval is decided, used, or has expired.'],
  approval_own: [403, 'Nobody approves what they have asked for themselves.'],
  retirement_state: [409, 'The retirement is not in a state for that.'],
  already_retired: [410, 'The old login is over: people log in at the new one.'],
  survey_running: [409, 'Another survey of this store is running.'],
  second_factor_missing: [
    409,
    'The user has a second factor in the legacy store, and the target did not say that it imported it.',
  ],
  volume_exceeded: [429, 'Too many secrets were asked for: the volume fuse has opened.'],
  throttled: [429, 'Too many attempts. Wait a little and try again.'],
  rotation_too_early: [409, 'The next keys were published only a moment ago: clients may not know them yet.'],
  hashing_overloaded: [503, 'Too many logins at once. Try again in a few seconds.'],
  legacy_unavailable: [503, 'The legacy user store cannot be asked at the moment.'],
  storage_unavailable: [503, 'The service is unavailable at the moment.'],
  misdirected: [421, 'This host name is not served here.'],
  not_found: [404, 'There is nothing here.'],
  method_not_allowed: [405, 'This method is not allowed here.'],
  mapping_failed: [500, 'The record cannot be mapped to a user.'],
  config_invalid: [500, 'The configuration is not valid.'],
  internal: [500, 'Something went wrong on our side.'],
} as const satisfies Record<string, readonly [number, string]>;

export type ErrorCode = keyof typeof ERRORS;

export interface ErrorOptions {
  /** For the log only: may name tables, hosts and SQL states, never secrets. */
  readonly detail?: string;
  /** Seconds, sent as Retry-After (RFC 9110 section 10.2.3). */
  readonly retryAfterSeconds?: number;
  /** Further members of the problem document (RFC 9457 section 3.2), for programs. */
  readonly members?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** The only error type thrown on purpose. `message` is the public sentence; `detail` is private. */
export class FootbridgeError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly detail: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly members: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, { detail, retryAfterSeconds, members = {}, cause }: ErrorOptions = {}) {
    super(ERRORS[code][1], cause === undefined ? undefined : { cause });
    this.name = 'FootbridgeError';
    this.code = code;
    this.status = ERRORS[code][0];
    this.detail = detail;
    this.retryAfterSeconds = retryAfterSeconds;
    this.members = members;
  }
}

export function isFootbridgeError(error: unknown, code?: ErrorCode): error is FootbridgeError {
  return error instanceof FootbridgeError && (code === undefined || error.code === code);
}

/** A problem document (RFC 9457 section 3). */
export function problem(error: FootbridgeError) {
  return {
    type: `urn:footbridge:error:${error.code}`,
    title: error.message,
    status: error.status,
    code: error.code,
    ...error.members,
  };
}
