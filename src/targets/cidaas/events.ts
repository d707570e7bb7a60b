/**
 * What a call of cidaas' webhook says. Its body is not documented but for what it tells: the event, whom it happened to, the
 * tenant, who did it, and nothing personal. So it is looked for by the names that the settings list, and nothing of it is
 * believed: it only says whom to read again. Looking once too often does no harm; not looking does.
 */
import { createHash } from 'node:crypto';
import { FootbridgeError } from '../../errors.ts';
import type { TargetEvent } from '../webhook.ts';
import type { CidaasSettings } from './cidaas-settings.ts';
import { isSub } from './users.ts';

type Members = CidaasSettings['events'];
type Document = Readonly<Record<string, unknown>>;

/** Throws bad_request for what is no event, and for one about a user that does not say about whom. */
export function eventOf(body: Buffer, members: Members, nowMs: number): TargetEvent {
  const document = documentOf(body);
  const name = nameOf(found(document, members.name, isText));
  const targetUserId = found(document, members.user, isSub);
  const actor = found(document, members.actor, isText);
  const change = changeOf(name);
  if (change !== undefined && targetUserId === undefined) {
    const detail = `${name} of cidaas without a user: name the member in cidaas.events.user`;
    throw new FootbridgeError('bad_request', { detail });
  }
  const atMs = timeOf(found(document, members.time, isTime), nowMs);
  const given = found(document, members.id, isId);
  return {
    id: given === undefined ? madeId(body, { atMs, nowMs }) : String(given),
    name,
    about:
      change === undefined || targetUserId === undefined
        ? { kind: 'nothing-of-ours' }
        : { kind: 'user', targetUserId, change, ...(actor !== undefined && { editor: actor }) },
    at: new Date(atMs),
  };
}

/** An object, or a list with just one in it. */
function documentOf(body: Buffer): Document {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    const one = Array.isArray(parsed) && parsed.length === 1 ? parsed[0] : parsed;
    if (isObject(one)) return one;
  } catch {
    // The parser's sentence quotes the body.
  }
  throw new FootbridgeError('bad_request', { detail: 'this is no event of cidaas' });
}

const isObject = (value: unknown): value is Document =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What a body may have its event in. */
const ENVELOPES = ['data', 'payload', 'event'];

/** The first of the names under which there is something of that kind. */
function found<T>(
  document: Document,
  names: readonly string[],
  fits: (value: unknown) => value is T,
): T | undefined {
  const places = [document, ...ENVELOPES.map((name) => memberOf(document, name)).filter(isObject)];
  for (const name of names) {
    for (const place of places) {
      const value = name.split('.').reduce(memberOf, place as unknown);
      if (fits(value)) return value;
    }
  }
  return undefined;
}

const memberOf = (place: unknown, name: string): unknown =>
  isObject(place) && Object.hasOwn(place, name) ? place[name] : undefined;

const MAX_TEXT = 200;
const CONTROL = /[\u0000-\u001f\u007f]/;
const isText = (value: unknown): value is string =>
  typeof value === 'string' &&
  value.trim() !== '' &&
  value.length <= MAX_TEXT &&
  !CONTROL.test(value) &&
  value.isWellFormed();
const isId = (value: unknown): value is string | number =>
  isText(value) || (typeof value === 'number' && Number.isSafeInteger(value));
const isTime = (value: unknown): value is string | number =>
  (typeof value === 'number' && value > 0) || (typeof value === 'string' && /^\d/.test(value));

/** `account-modified` is ACCOUNT_MODIFIED. */
function nameOf(given: string | undefined): string {
  const name = (given ?? '').toUpperCase().replace(/[^A-Z0-9]+/g, '_');
  return name.replace(/^_|_$/g, '') || UNNAMED;
}
const UNNAMED = 'UNNAMED';

/** The names of events change; of these words they are made. A code or a mail that is only on its way changes nothing. */
const REMOVED = new Set(['ACCOUNT_DELETED']);
const PASSWORD = new Set(['PASSWORD_CHANGED', 'PASSWORD_RESET', 'ACCOUNT_PASSWORD_CHANGED']);
const ABOUT_USERS = /^(?:ACCOUNT|USER|EMAIL|MOBILE|PASSWORD|GROUP_USER|PROFILE)_/;
const CHANGES_NOTHING = /_(?:INITIATE|INITIATED|REQUESTED|FAILED|FAILURE)$/;

/** The events to be told of, of those that are documented. */
export const EVENT_NAMES: readonly string[] = [
  'ACCOUNT_CREATED_WITH_CIDAAS_IDENTITY',
  'ACCOUNT_CREATED_WITH_SOCIAL_IDENTITY',
  'ACCOUNT_MODIFIED',
  'ACCOUNT_ACTIVATED',
  'ACCOUNT_DEACTIVATED',
  'ACCOUNT_LOCKED',
  'ACCOUNT_DELETED',
  'ACCOUNT_EMAIL_VERIFIED',
  'ACCOUNT_EMAIL_UNVERIFIED',
  'ACCOUNT_MOBILE_NO_VERIFIED',
  'ACCOUNT_MOBILE_NO_UNVERIFIED',
  'ACCOUNT_SOCIALIDENTITY_ADDED',
  'ACCOUNT_SOCIALIDENTITY_REMOVED',
  'EMAIL_CHANGED',
  'PASSWORD_CHANGED',
  'PASSWORD_RESET',
  'GROUP_USER_ROLE_ADDED',
  'GROUP_USER_ROLE_UPDATED',
  'GROUP_USER_ROLE_REMOVED',
];

/** Undefined: nothing of a user that is kept equal, as a login. One without a name may be anything. */
function changeOf(name: string): 'changed' | 'password' | 'removed' | undefined {
  if (REMOVED.has(name)) return 'removed';
  if (PASSWORD.has(name)) return 'password';
  const isAboutUsers = name === UNNAMED || ABOUT_USERS.test(name);
  return isAboutUsers && !CHANGES_NOTHING.test(name) ? 'changed' : undefined;
}

/** Seconds since the epoch have ten digits until 2286, milliseconds have had thirteen since 2001. */
const MIN_MS = 1e12;
const DAY_MS = 86_400_000;

/** NaN where it is not said, or cannot be. */
function timeOf(value: string | number | undefined, nowMs: number): number {
  const number =
    typeof value === 'number' || /^\d{9,14}(?:\.\d+)?$/.test(value ?? '') ? Number(value) : undefined;
  const ms =
    number === undefined
      ? Date.parse(String(value))
      : Math.floor(number < MIN_MS / 10 ? number * 1_000 : number);
  const isPossible = ms >= MIN_MS / 2 && ms <= nowMs + DAY_MS;
  return isPossible ? ms : Number.NaN;
}

/**
 * The same for the same body, which comes again when we were not there. Where the body does not say to the millisecond when
 * it was, a second change may have the same one, and must not count as told already: each call is then an event.
 */
function madeId(body: Buffer, { atMs, nowMs }: { readonly atMs: number; readonly nowMs: number }): string {
  const digest = createHash('sha256').update(body).digest('base64url');
  const isExact = !Number.isNaN(atMs) && atMs % 1_000 !== 0;
  return isExact ? digest : `${digest}.${nowMs}`;
}
