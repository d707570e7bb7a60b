/**
 * One connection to a directory server, under one identity from beginning to end: it is bound once and never comes
 * back by itself, so that nobody ever searches as somebody else, or as nobody.
 */
import { connect as connectTls } from 'node:tls';
import type { Filter, SearchEntry, SearchRequest, SearchResponse } from 'ldapts';
import { FootbridgeError } from '../../../errors.ts';
import { Refusal, reasonOf, SIZE_LIMIT_EXCEEDED, unavailable } from './failure.ts';
import type { LdapSettings } from './ldap-settings.ts';
import type { Modification } from './modifying.ts';
import { modifyWith, setPasswordWith } from './modifying.ts';
import { addressOf, Line, openSocket, trust } from './socket.ts';

export interface Identity {
  readonly dn: string;
  readonly password: string;
}

export interface Query {
  readonly base: string;
  readonly scope: 'base' | 'one' | 'sub';
  readonly filter: Filter;
  readonly attributes: readonly string[];
  /** Entries at most; of more, the first come, and `isCut` says so. */
  readonly limit?: number;
  /** A page of this size, after the page that gave this cookie (RFC 2696); empty at the start. */
  readonly page?: { readonly size: number; readonly cookie: Buffer };
  /** Active Directory: entries that were deleted, too ([MS-ADTS] 3.1.1.3.4.1.14). */
  readonly deleted?: true;
}

export interface Answer {
  readonly entries: readonly SearchEntry[];
  readonly isCut: boolean;
  /** For the next page; empty after the last. */
  readonly cookie: Buffer;
}

export type { Modification } from './modifying.ts';

/** Throws a Refusal where the server says no, and legacy_unavailable where it does not answer. */
export interface Connection {
  /** Host and port. */
  readonly place: string;
  readonly isOpen: boolean;
  /** As nobody without an identity. Goes before everything else, and once. */
  bind(identity: Identity | undefined): Promise<void>;
  /** References to other servers are left alone. */
  search(query: Query): Promise<Answer>;
  /** Sets an attribute of one entry to these values; none takes it away. */
  replace(dn: string, attribute: string, values: readonly string[]): Promise<void>;
  /** All of it or nothing. */
  modify(dn: string, modification: Modification): Promise<void>;
  remove(dn: string): Promise<void>;
  /** The server makes the hash (RFC 3062). */
  setPassword(dn: string, password: string): Promise<void>;
  close(): void;
}

export interface Limits {
  /** For one connection to come up, TLS included. */
  readonly connectMs: number;
  /** For one answer. */
  readonly answerMs: number;
}

/** What ldapts keeps to itself, in the version that is pinned: its own search hides the status and ends at an empty page. */
interface Inside {
  _send(message: SearchRequest): Promise<SearchResponse | undefined>;
  _nextMessageId(): number;
  readonly messageParser: { readonly buffer?: Buffer };
}

const FAREWELL_MS = 500;

/** Connects, with TLS as the settings say. Nobody is bound yet. Throws what the network, TLS or ldapts throws. */
export async function dial(url: string, settings: LdapSettings, limits: Limits): Promise<Connection> {
  const ldapts = await import('ldapts');
  const address = addressOf(url);
  const trusted = trust(address, settings);
  const line = new Line(await openSocket(address, trusted, limits.connectMs));
  const client = new ldapts.Client({
    // The socket is there already, encrypted or not.
    url: 'ldap://localhost',
    createConnection: () => line.takeOnce(),
    createSecureConnection: ((options: object) => line.add(connectTls(options))) as typeof connectTls,
    timeout: limits.answerMs,
  });
  const inside = client as unknown as Inside;
  const { host: place } = new URL(url);
  if (settings.startTls && !address.isTls) {
    const upgraded = client.startTLS(trusted).catch((error) => {
      line.hangUp();
      throw refusalOf(place, error) ?? error;
    });
    await line.within(limits.connectMs, upgraded);
    // What came in the clear behind the answer would be read as the beginning of what comes encrypted.
    if (inside.messageParser.buffer?.length) line.hangUp();
  }
  const ask = <T>(work: () => Promise<T>) =>
    line.ask(work).catch((error) => {
      throw refusalOf(place, error) ?? unavailable(`${place} ${reasonOf(error)}`);
    });

  return {
    place,
    get isOpen() {
      return line.isOpen;
    },
    async bind(identity) {
      // A name without a password would be a bind as nobody, and succeed (RFC 4513 section 5.1.2).
      if (identity && (identity.dn === '' || identity.password === '')) {
        throw new FootbridgeError('config_invalid', { detail: 'ldap: nobody binds without a password' });
      }
      await ask(() => client.bind(identity?.dn ?? '', identity?.password ?? ''));
    },
    search: (query) =>
      ask(async () => {
        const request = requestFor(ldapts, query, limits);
        request.messageId = inside._nextMessageId();
        return answerOf(ldapts, await inside._send(request), query);
      }),
    replace: (dn, type, values) =>
      ask(() => {
        const modification = new ldapts.Attribute({ type, values: [...values] });
        return client.modify(dn, new ldapts.Change({ operation: 'replace', modification }));
      }),
    modify: (dn, modification) => ask(() => modifyWith(ldapts, client, dn, modification)),
    remove: (dn) => ask(() => client.del(dn)),
    setPassword: (dn, password) => ask(() => setPasswordWith(ldapts, client, dn, password)),
    close() {
      // A farewell that nobody waits for.
      if (line.isOpen) client.unbind().catch(() => undefined);
      setTimeout(() => line.hangUp(), FAREWELL_MS).unref();
    },
  };
}

type Ldapts = typeof import('ldapts');
const SHOW_DELETED = '1.2.840.113556.1.4.417';

function requestFor(
  { Control, PagedResultsControl, SearchRequest }: Ldapts,
  query: Query,
  limits: Limits,
): SearchRequest {
  const { base, scope, filter, attributes, limit = 0, page, deleted } = query;
  const controls = [
    ...(page ? [new PagedResultsControl({ critical: true, value: page })] : []),
    ...(deleted ? [new Control(SHOW_DELETED, { critical: true })] : []),
  ];
  return new SearchRequest({
    messageId: 0,
    baseDN: base,
    scope,
    filter,
    attributes: [...attributes],
    sizeLimit: limit,
    timeLimit: Math.ceil(limits.answerMs / 1_000),
    ...(controls.length > 0 ? { controls } : {}),
  });
}

function answerOf(
  { PagedResultsControl, StatusCodeParser }: Ldapts,
  response: SearchResponse | undefined,
  query: Query,
): Answer {
  if (!response) throw new Error('closed');
  const { status, searchEntries: entries, controls = [] } = response;
  const isCut = status === SIZE_LIMIT_EXCEEDED && query.limit !== undefined;
  if (status !== 0 && !isCut) throw StatusCodeParser.parse(response);
  const paged = controls.find((control) => control instanceof PagedResultsControl);
  return { entries, isCut, cookie: paged?.value?.cookie ?? Buffer.alloc(0) };
}

/** ldapts has an error class per result code; the number says it all. */
function refusalOf(place: string, thrown: unknown): Refusal | undefined {
  const { code, message: words } = thrown as { code?: unknown; message: string };
  return typeof code === 'number' ? new Refusal(place, { status: code, words }) : undefined;
}
