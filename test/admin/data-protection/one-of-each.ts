/** A row about somebody in every place that knows people. `SUB` and `ID` stand for who they are, here and at the target. */
import type { Keyring } from '../../../src/store/encryption.ts';

const NOW = 'now()';
const HASH = `sha256(convert_to('SUB', 'UTF8'))`;

export const rowsOf: Readonly<Record<string, string>> = {
  oidc_records: `insert into oidc_records (id, kind, grant_key, payload) values
    (sha256('gSUB'), 'Grant', null, '{"accountId": "SUB"}'), (sha256('tSUB'), 'AccessToken', sha256('gSUB'), '{}')`,
  totp_uses: `insert into totp_uses values (MAC(totp-use), 1)`,
  login_attempts: `insert into login_attempts values (MAC(login-attempt,factor), 1, ${NOW}, null)`,
  recovery_code_uses: `insert into recovery_code_uses values (${HASH}, MAC(recovery-code-owner))`,
  legacy_sessions: `insert into legacy_sessions (id, app, sub, origin, handle, expires_at)
    values (${HASH}, 'shop', 'SUB', 'created', 'sealed-handle', ${NOW})`,
  target_sessions: `insert into target_sessions (target, id, target_user_id, started_at)
    values ('main', 's-SUB', 'ID', ${NOW})`,
  session_endings: `insert into session_endings (id, cause, actor, scope, sub)
    values (gen_random_uuid(), 'operator', 'a', 'person', 'SUB')`,
  logout_deliveries: `insert into logout_deliveries (ending, kind, name, sub, handle, done_at)
    values (gen_random_uuid(), 'legacy', 'shop', 'SUB', 'sealed-handle', ${NOW})`,
  watched_people: `insert into watched_people (sub, mark, live_until) values ('SUB', ${HASH}, ${NOW})`,
  hand_overs: `insert into hand_overs values (${HASH}, 'shop', '{"sub": "SUB"}', ${NOW})`,
  ledger: `insert into ledger (target, sub, legacy_id, state, from_state, target_user_id, released_of)
    values ('main', 'SUB', '7', 'deleted', 'migrated', 'ID', 'print-of-secret')`,
  ledger_outbox: `insert into ledger_outbox (target, sub, event, from_state, to_state, version)
    values ('main', 'SUB', 'prove', 'legacy', 'authenticated', 1)`,
  captured_passwords: `insert into captured_passwords (target, sub, sealed, made_of, reason)
    values ('main', 'SUB', 'sealed-hash', ${HASH}, 'r')`,
  target_work: `insert into target_work (target, sub, road, actor) values ('main', 'SUB', 'login', 'user')`,
  batches: `insert into batches (id, target, state, plan, report, size, workers, actor)
    values ('b-SUB', 'main', 'done', '{}', '{"examples": ["SUB", "shop:1"]}', 1, 1, 'a')`,
  batch_users: `insert into batch_users (batch, rank, sub, outcome, kept)
    values ('b-SUB', 1, 'SUB', 'migrated', 'sealed-profile')`,
  compared_users: `insert into compared_users values ('main', 'SUB', '{}')`,
  reconciliations: `insert into reconciliations (id, target, state, settings, progress, report, actor)
    values ('r-SUB', 'main', 'done', '{}', '{}', '{"examples": {"extra": ["SUB"]}}', 'a')`,
  reconciled_users: `insert into reconciled_users (reconciliation, target_user_id, sub, state, marks)
    values ('r-SUB', 'ID', 'SUB', 'active', '{}')`,
  differences: `insert into differences values ('r-SUB', 'ID', 'extra', 'look', '{}')`,
  mailings: `insert into mailings (campaign, target, sub, remedy, state, due_at)
    values ('c', 'main', 'SUB', 'reset', 'sent', ${NOW})`,
  claim_tokens: `insert into claim_tokens (digest, target, purpose, sub, origin, expires_at)
    values (${HASH}, 'main', 'person', 'SUB', 'login', ${NOW})`,
  claim_exceptions: `insert into claim_exceptions (target, sub, reason, actor) values ('main', 'SUB', 'r', 'a')`,
  claim_notices: `insert into claim_notices (target, sub, notice) values ('main', 'SUB', 'linked')`,
  legacy_writes: `insert into legacy_writes (key, what, vals) values ('SUB', 'linkPerson', '{}')`,
  organization_links: `insert into organization_links (target, organization, target_organization_id, state, owner_sub)
    values ('main', 'o-SUB', 'to-SUB', 'linked', 'SUB')`,
  organization_members: `insert into organization_members (target, organization, target_user_id, roles, legacy_roles)
    values ('main', 'o-SUB', 'ID', '{}', '{}')`,
  target_events: `insert into target_events (target, id, name, subject, detail)
    values ('main', 'e-SUB', 'user.changed', 'user/ID', '{"change": "password", "sealed": "sealed-hash"}')`,
  sync_changes: `insert into sync_changes (source, id, target, person, lane, hint)
    values ('target:main', 'SUB', 'main', 'user ID', 0, '{"sealedPassword": "sealed-hash"}')`,
  sync_turns: `insert into sync_turns (target, person, lane, hint, taken)
    values ('main', 'SUB', 0, '{"sealedPassword": "sealed-hash"}', null)`,
  sync_people: `insert into sync_people (target, sub, target_user_id) values ('main', 'SUB', 'ID')`,
  sync_passwords: `insert into sync_passwords (target, sub, state) values ('main', 'SUB', 'waits')`,
  sync_conflicts: `insert into sync_conflicts (target, sub, field, kind, sealed)
    values ('main', 'SUB', 'email', 'overruled', 'sealed-value')`,
  rollout_assignments: `insert into rollout_assignments (target, sub, phase, attempt, bucket, version, way, back_detail)
    values ('main', 'SUB', 'first', 1, 1, 1, 'decision', '{"kept": "sealed-profile"}')`,
  rollout_plans: `insert into rollout_plans (target, version, plan, source, actor)
    values ('main', length('SUB'), '{"segments": {"staff": {"users": ["SUB"]}}}', '', 'a')`,
  approvals: `insert into approvals (operation, input, digest, says, role, asked_by, expires_at, state)
    values ('user forget', '{"user": "SUB"}', ${HASH}, 'Would forget SUB', 'operator', 'a', ${NOW}, 'used')`,
  surveys: `insert into surveys (name, settings, tally, report)
    values ('SUB', ${HASH}, '{"cases": {"no_hash": {"count": 1, "examples": ["SUB"]}}}', null)`,
  survey_logins: `insert into survey_logins values ('username', ${HASH}, ${HASH}, 'SUB')`,
  wipes: `insert into wipes (target, sub, link, wiped) values ('main', 'SUB', 'local', '{}')`,
  receipts: `insert into receipts (id, kind, subject, actor, receipt)
    values ('SUB', 'export', MAC(audit-subject), 'a', 'a.b.c')`,
  audit_log: `insert into audit_log (actor, action, subject) values ('a', 'b', MAC(audit-subject))`,
};

/** In an order in which each finds what it belongs to. */
export const statementsOf = (keyring: Keyring, sub: string, id: string): string[] =>
  Object.values(rowsOf).map((text) =>
    text
      .replace(/MAC\(([\w,-]+)\)/g, (_, parts: string) => {
        const [purpose = '', ...more] = parts.split(',');
        return `'\\x${keyring.mac(purpose, ...more, sub).toString('hex')}'::bytea`;
      })
      .replaceAll('SUB', sub)
      .replaceAll('ID', id),
  );
