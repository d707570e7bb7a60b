/** Claim tokens as our database keeps them. What makes a link of one is in `claiming.ts`. */
import { FootbridgeError } from '../../errors.ts';
import type { Secret } from '../../settings.ts';
import { auditPart } from '../../store/audit-log.ts';
import type { Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Part } from '../../store/statement.ts';
import type { ClaimFilter } from './claim-columns.ts';
import { COLUMNS, filtered } from './claim-columns.ts';
import type { ClaimOrigin, ClaimPurpose, ClaimToken } from './claim-token.ts';
import { newSecret, readSecret } from './claim-token.ts';

/** Links for one person and purpose that are good at once: of the mails in a mailbox the newest work. */
const MAX_OPEN = 5;

export interface NewClaimToken {
  readonly target: string;
  readonly purpose: ClaimPurpose;
  readonly sub: string;
  /** Its key; of an organization's token only. */
  readonly organization?: string | undefined;
  readonly origin: ClaimOrigin;
  readonly campaign?: string | undefined;
  readonly ttlSeconds: number;
  /** As the audit log names them. */
  readonly actor: string;
  /** The audit log's pseudonym of `sub`. */
  readonly subject: Buffer;
}

export interface IssuedClaimToken {
  readonly id: string;
  /** The only time that it is seen. */
  readonly text: Secret;
  readonly expiresAt: Date;
}

/**
 * Parts that issue one, and its text, which is only true if they were run; the row of `claim_issued` has its id and
 * `expiresAt`. With `after`, the name of an earlier part, only if that part returned a row.
 */
export function issueParts(
  token: NewClaimToken,
  after?: string,
): { readonly parts: Part[]; readonly text: Secret } {
  const { target, purpose, sub, organization = null, origin, campaign = null, ttlSeconds } = token;
  const { text, digest } = newSecret(purpose);
  const about = { ...(organization ? { organization } : {}), ...(campaign ? { campaign } : {}) };
  const parts: Part[] = [
    {
      name: 'claim_issued',
      text: `insert into claim_tokens (digest, target, purpose, sub, organization, origin, campaign, expires_at)
        select $1::bytea, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text, now() + make_interval(secs => $8::float8)
        ${after ? `where exists (select from ${after})` : ''}
        returning id::text as id, expires_at as "expiresAt"`,
      values: [digest, target, purpose, sub, organization, origin, campaign, ttlSeconds],
    },
    {
      name: 'claim_crowded_out',
      text: `update claim_tokens set state = 'revoked', ended_at = now()
        where exists (select from claim_issued) and id in (
          select id from claim_tokens where sub = $1::text and target = $2::text and purpose = $3::text
            and organization is not distinct from $4::text and state = 'open' and expires_at > now()
          order by issued_at desc offset ${MAX_OPEN - 1})`,
      values: [sub, target, purpose, organization],
    },
    auditPart(
      {
        actor: token.actor,
        action: 'claim-token.issued',
        subject: token.subject,
        detail: { target, purpose, origin, ...about },
      },
      'claim_issued',
    ),
  ];
  return { parts, text };
}

/** The oldest beyond a handful are taken back. Whether the person may have one is the caller's question. */
export async function issueClaimToken(q: Queryable, token: NewClaimToken): Promise<IssuedClaimToken> {
  const { parts, text } = issueParts(token);
  const [row] = await q.runParts<{ id: string; expiresAt: Date }>(parts, 'select * from claim_issued');
  return { ...row!, text };
}

const FIND = statement(`select ${COLUMNS}, t.digest from claim_tokens t where t.digest = $1`);
const BY_ID = statement(`select ${COLUMNS} from claim_tokens t where t.id = $1::uuid`);
const ID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Whatever state it is in. Throws claim_token_unknown, claim_token_purpose. */
export async function findByText(q: Queryable, text: string): Promise<ClaimToken> {
  const secret = readSecret(text);
  const [row] = secret ? await q.run<ClaimToken & { digest?: Buffer }>(FIND, [secret.digest]) : [];
  if (!secret || !row) throw new FootbridgeError('claim_token_unknown');
  if (row.purpose !== secret.purpose) throw new FootbridgeError('claim_token_purpose');
  const { digest: _, ...token } = row;
  return token;
}

export async function findClaimToken(q: Queryable, id: string): Promise<ClaimToken | undefined> {
  if (!ID.test(id)) return undefined;
  const [row] = await q.run<ClaimToken>(BY_ID, [id]);
  return row;
}

/** Throws claim_token_expired, claim_token_spent. */
export function checkOpen({ state }: Pick<ClaimToken, 'state'>): void {
  if (state === 'expired') throw new FootbridgeError('claim_token_expired');
  if (state !== 'open') throw new FootbridgeError('claim_token_spent');
}

const SENT = 'update claim_tokens set sent_at = now() where id = $1::uuid and sent_at is null';
const NOTES = {
  sent: statement(SENT),
  opened: statement('update claim_tokens set opened_at = now() where id = $1::uuid and opened_at is null'),
  started: statement('update claim_tokens set started_at = now() where id = $1::uuid and started_at is null'),
} as const;

/** The first time counts. */
export const noteClaim = async (q: Queryable, id: string, what: keyof typeof NOTES): Promise<void> => {
  await q.run(NOTES[what], [id]);
};

/** A part that notes that a letter with it went out. */
export const sentPart = (id: string): Part => ({ name: 'claim_sent', text: SENT, values: [id] });

const FAILED = statement(
  `update claim_tokens set failed_at = now(), failure = $2 where id = $1::uuid and state = 'open'`,
);

/** It stays good: why a try came to nothing. */
export const noteFailure = async (q: Queryable, id: string, code: string): Promise<void> => {
  await q.run(FAILED, [id, code]);
};

/** For as long as a confirmation page may stay open. */
export const HOLD_SECONDS = 900;
const HOLD =
  statement(`update claim_tokens set held_by = $2, held_until = now() + interval '${HOLD_SECONDS} seconds'
  where id = $1::uuid and state = 'open' and expires_at > now()
    and (held_by is null or held_by = $2 or held_until <= now()) returning 1`);

/** Nobody else at the target can link with it meanwhile. Throws claim_token_held, and what `checkOpen` throws. */
export async function holdClaim(q: Queryable, id: string, by: Buffer): Promise<void> {
  const [held] = await q.run(HOLD, [id, by]);
  if (held) return;
  const token = await findClaimToken(q, id);
  if (!token) throw new FootbridgeError('claim_token_unknown');
  checkOpen(token);
  throw new FootbridgeError('claim_token_held');
}

const KEEP = statement(`update claim_tokens set held_until = now() + interval '${HOLD_SECONDS} seconds'
  where id = $1::uuid and state = 'open' and expires_at > now() and held_by = $2 returning 1`);
/** Nobody has come since: a page that stood open for long is good still. False: it is not theirs. */
export const keepHold = async (q: Queryable, id: string, by: Buffer): Promise<boolean> =>
  (await q.run(KEEP, [id, by])).length > 0;

const LET_GO = statement(
  `update claim_tokens set held_by = null, held_until = null where id = $1::uuid and held_by = $2`,
);

/** They leave, or it is the wrong account: another may begin. */
export const letGo = async (q: Queryable, id: string, by: Buffer): Promise<void> => {
  await q.run(LET_GO, [id, by]);
};

/**
 * A part named `claim_taken`: the token, spent, if it is open and held by this one; empty otherwise. The other open ones of
 * the same person and purpose are of no use any more. All are locked first and in one order: of two links of one person that
 * are confirmed at once, the second finds itself spent instead of a deadlock.
 */
export function takeParts(id: string, by: Buffer): Part[] {
  return [
    {
      name: 'claim_locked',
      text: `select o.id from claim_tokens t join claim_tokens o on ${SAME} where t.id = $1::uuid and o.state = 'open'
        order by o.id for update of o`,
      values: [id],
    },
    {
      name: 'claim_taken',
      text: `update claim_tokens t set state = 'claimed', ended_at = now(), held_by = null, held_until = null
        where id = $1::uuid and (select count(*) from claim_locked) > 0
          and state = 'open' and expires_at > now() and held_by = $2::bytea and held_until > now()
        returning ${COLUMNS}`,
      values: [id, by],
    },
    {
      name: 'claim_others_revoked',
      text: `update claim_tokens o set state = 'revoked', ended_at = now(), held_by = null, held_until = null from claim_taken t
        where ${SAME} and o.state = 'open' and o.id::text <> t.id`,
      values: [],
    },
  ];
}

/** Tokens of one person, purpose and target. */
const SAME = `o.sub = t.sub and o.target = t.target and o.purpose = t.purpose
          and o.organization is not distinct from t.organization`;

/** Parts that take back the open tokens of the people of an earlier part with `target` and `sub`. */
export const revokeOfPart = (after: string): Part => ({
  name: 'claim_tokens_revoked',
  text: `update claim_tokens o set state = 'revoked', ended_at = now(), held_by = null, held_until = null
    where o.sub = any(array(select sub from ${after})) and o.state = 'open'
      and (o.target, o.sub) in (select target, sub from ${after})`,
  values: [],
});

/** The newest first. */
export async function listClaimTokens(
  q: Queryable,
  filter: ClaimFilter,
  limit: number,
): Promise<ClaimToken[]> {
  const { where, values } = filtered(filter);
  const text = `select ${COLUMNS} from claim_tokens t where ${where}
    order by t.issued_at desc, t.id limit $${values.length + 1}`;
  return q.run<ClaimToken>(statement(text), [...values, limit]);
}

export async function countClaimTokens(q: Queryable, filter: ClaimFilter): Promise<number> {
  const { where, values } = filtered(filter);
  const count = statement(`select count(*)::int as tokens from claim_tokens t where ${where}`);
  const [row] = await q.run<{ tokens: number }>(count, values);
  return row?.tokens ?? 0;
}

/** Only open ones. How many. */
export async function revokeClaimTokens(q: Queryable, filter: ClaimFilter): Promise<number> {
  const { where, values } = filtered(filter);
  const revoke = statement(`with revoked as (
      update claim_tokens t set state = 'revoked', ended_at = now(), held_by = null, held_until = null
      where ${where} and t.state = 'open' and t.expires_at > now() returning 1)
    select count(*)::int as tokens from revoked`);
  const [row] = await q.run<{ tokens: number }>(revoke, values);
  return row?.tokens ?? 0;
}

const LATELY = statement(`select count(*)::int as tokens from claim_tokens
  where sub = $1 and target = $2 and issued_at > now() - make_interval(secs => $3::float8)`);

/** How many one person was issued within so many seconds, whatever became of them. */
export async function countLately(
  q: Queryable,
  { target, sub, seconds }: { readonly target: string; readonly sub: string; readonly seconds: number },
): Promise<number> {
  const [row] = await q.run<{ tokens: number }>(LATELY, [sub, target, seconds]);
  return row?.tokens ?? 0;
}

const BY_DAY =
  statement(`select to_char(date_trunc('day', t.issued_at at time zone 'UTC'), 'YYYY-MM-DD') as day,
    count(*)::int as issued, count(t.sent_at)::int as sent,
    count(coalesce(t.opened_at, t.started_at))::int as opened, count(t.started_at)::int as started,
    count(*) filter (where t.state = 'claimed')::int as claimed,
    count(*) filter (where t.state = 'open' and t.expires_at <= now())::int as expired,
    count(*) filter (where t.state = 'revoked')::int as revoked,
    count(*) filter (where t.failure is not null and t.state <> 'claimed')::int as failed
  from claim_tokens t where t.target = $1 and ($2::text is null or t.campaign = $2) and t.issued_at > now() - make_interval(days => $3)
  group by 1 order by 1`);

export interface ClaimDay {
  /** UTC, as 2026-03-01: when the tokens were issued. */
  readonly day: string;
  readonly issued: number;
  /** By mail; the others went another way. */
  readonly sent: number;
  readonly opened: number;
  readonly started: number;
  readonly claimed: number;
  readonly expired: number;
  readonly revoked: number;
  /** Somebody tried in vain, and has not succeeded since. */
  readonly failed: number;
}

export const claimsByDay = (
  q: Queryable,
  {
    target,
    campaign,
    days,
  }: { readonly target: string; readonly campaign?: string | undefined; readonly days: number },
): Promise<ClaimDay[]> => q.run<ClaimDay>(BY_DAY, [target, campaign ?? null, days]);

const FORGET = statement('delete from claim_tokens where target = $1 and sub = $2');
/** Somebody is forgotten, and their links with them. */
export const forgetClaimTokens = async (q: Queryable, target: string, sub: string): Promise<void> => {
  await q.run(FORGET, [target, sub]);
};

/** A page of an old link says what became of it for a month; campaigns are counted for a year. */
export const SWEEP_CLAIM_TOKENS = statement(`with gone as (delete from claim_tokens where id in (
    select id from claim_tokens where expires_at < now() - interval '366 days' limit $1) returning 1)
  select count(*)::int as gone from gone`);
