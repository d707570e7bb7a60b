/**
 * The right to fetch one user's secrets once, shortly after that user logged in. A ticket is a MAC over the login and
 * is stored nowhere; only its redemption is a row. The same login gives the same ticket, so that the ID token and
 * userinfo carry one and not two.
 */
import { createHash } from 'node:crypto';
import { statement } from '../store/db.ts';
import type { Keyring } from '../store/encryption.ts';
import { RESTORED_AT } from '../store/restoring.ts';
import type { Part } from '../store/statement.ts';

export interface Login {
  readonly sub: string;
  /** The client the user logged in to. */
  readonly clientId: string;
  /** OpenID Connect's `auth_time`: seconds since the epoch. */
  readonly authTime: number;
  /** Tells two logins of the same second apart. */
  readonly loginId: string;
}

export interface Ticket extends Login {
  /** What a redemption is remembered by. */
  readonly id: Buffer;
}

/** The kind and layout of the text; a token of another kind does not pass for a ticket. */
const VERSION = 'fbt1';
/** Names of users, clients and sessions are bounded where they are made; together they stay below this. */
const MAX_TICKET_LENGTH = 2_048;
/** No target's tickets live longer (targets/target-settings.ts), so a redemption need not be remembered longer. */
const REMEMBERED_SECONDS = 300;

export function issueTicket(keyring: Keyring, { sub, clientId, authTime, loginId }: Login): string {
  const login = Buffer.from(JSON.stringify([sub, clientId, authTime, loginId])).toString('base64url');
  return `${VERSION}.${login}.${keyring.mac('ticket', VERSION, login).toString('base64url')}`;
}

/** The ticket behind a text, or undefined if we never issued it. Whether it has expired, the database's clock decides. */
export function readTicket(keyring: Keyring, text: string): Ticket | undefined {
  if (text.length > MAX_TICKET_LENGTH) return undefined;
  const [version, login, mac, ...rest] = text.split('.');
  if (version !== VERSION || !login || !mac || rest.length) return undefined;
  const genuine = keyring
    .macs('ticket', VERSION, login)
    .some((made) => keyring.equal(made.toString('base64url'), mac));
  if (!genuine) return undefined;
  const [sub, clientId, authTime, loginId] = JSON.parse(Buffer.from(login, 'base64url').toString('utf8'));
  return {
    sub,
    clientId,
    authTime,
    loginId,
    id: createHash('sha256').update(`${VERSION}.${login}`).digest(),
  };
}

/**
 * One row named `ticket`: whether it is `unexpired` and `unused`. `seconds`: how long tickets live at this target. One from before
 * a restore is expired: that it was redeemed may have been forgotten.
 */
export function ticketPart({ id, authTime }: Ticket, seconds: number): Part {
  return {
    name: 'ticket',
    text: `select to_timestamp($2::double precision + $3::int) > now()
        and to_timestamp($2::double precision) > ${RESTORED_AT} as unexpired,
      not exists (select from redeemed_tickets where id = $1::bytea) as unused`,
    values: [id, authTime, seconds],
  };
}

/** The redemption, named `ticket_redeemed`: a row for exactly one of all who try. */
export function redeemPart({ id, authTime }: Ticket, after: string): Part {
  return {
    name: 'ticket_redeemed',
    text: `insert into redeemed_tickets (id, expires_at)
      select $1::bytea, to_timestamp($2::double precision + ${REMEMBERED_SECONDS}) from ${after}
      on conflict do nothing returning id`,
    values: [id, authTime],
  };
}

export const SWEEP_TICKETS = statement(`with gone as (delete from redeemed_tickets where id in (
    select id from redeemed_tickets where expires_at < now() limit $1) returning 1)
  select count(*)::int as gone from gone`);
