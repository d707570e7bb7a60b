/**
 * A web service that answers with JSON, as configured: which requests find a person, and which checks a password. What
 * it answers is believed only as far as it is what was asked for.
 */
import { FootbridgeError } from '../../../errors.ts';
import type { Connector, LegacyRow } from '../../connector.ts';
import { connectorKind, MAX_CANDIDATES, writesIn } from '../../connector.ts';
import type { Document } from '../../documents.ts';
import { columnsOf, isDocument, rowsAt, standingAt, textsAt } from '../../documents.ts';
import { textOf } from '../../values.ts';
import type { Api } from './api.ts';
import { apiAt } from './api.ts';
import type { Found } from './apply.ts';
import { applierTo } from './apply.ts';
import { unavailable } from './exchange.ts';
import type { AuthorizationSettings, HttpSettings, RequestTemplate } from './http-settings.ts';
import { httpSettings } from './http-settings.ts';
import type { Order } from './pages.ts';
import { pagesOf } from './pages.ts';
import { Recent } from './recent.ts';
import type { Json, Values } from './template.ts';
import { holesIn, textsIn } from './template.ts';
import { mark, writesThrough } from './writing.ts';

/** A share of the caller's deadline is left to say why. */
const EXCHANGE_SHARE = 0.8;

function openHttp(settings: HttpSettings, { timeoutMs }: { timeoutMs: number }): Connector {
  const limits = { limitMs: Math.round(timeoutMs * EXCHANGE_SHARE), maxBytes: settings.maxBytes };
  const api = apiAt(settings, limits);
  const { flag, page, ping, related, verify, writes, apply } = settings;
  const apiFor = (who: AuthorizationSettings | undefined) => (who ? apiAt(settings, limits, who) : api);
  const marker = apiFor(flag?.authorization);
  const writer = apiFor(writes?.authorization);
  const applier = apiFor(apply?.authorization);
  const recent = new Recent<Document>();
  const row = (document: Document): LegacyRow => {
    const id = idIn(document, settings);
    if (Object.keys(related).length > 0) recent.put(id, document);
    return { id, columns: columnsOf(document) };
  };
  const find = async (template: RequestTemplate, values: Values): Promise<readonly Document[]> => {
    const answer = await api.ask(template, values, settings.nobody);
    return answer ? documentsAt(answer.document, template, settings) : [];
  };
  const withId = async (id: string) =>
    (await find(settings.byId, { id })).filter((document) => idIn(document, settings) === id);

  return {
    sparse: true,
    async findByLogin(login) {
      const answers = await Promise.all(settings.byLogin.map((template) => find(template, { login })));
      const rows = answers
        .flat()
        .filter((document) => echoes(document, login, settings))
        .map(row);
      return onceEach(rows).slice(0, MAX_CANDIDATES + 1);
    },
    findById: async (id) => (await withId(id)).slice(0, MAX_CANDIDATES + 1).map(row),
    ping: async () => void (ping ? await api.ask(ping, {}) : await api.knock()),
    close: async () =>
      void (await Promise.all([...new Set([api, marker, writer, applier])].map((one) => one.close()))),
    ...(Object.keys(related).length > 0
      ? { related: async (id: string) => relatedIn(recent.take(id) ?? (await withId(id))[0], related) }
      : {}),
    ...(verify ? { verifyPassword: (user, password) => isRight(api, verify, user, password) } : {}),
    ...(flag ? { flag: (id, migrated) => mark(marker, flag, { id, migrated }) } : {}),
    ...writesThrough(writer, writes),
    ...applierTo(applier, apply, (id) => current(api, id, settings)),
    ...(page
      ? {
          page: pagesOf(
            async (values) => {
              const document = (await api.ask(page, values))?.document;
              const next = page.next && isDocument(document) ? textsAt(document, page.next)[0] : undefined;
              return { rows: documentsAt(document, page, settings).map(row), next: next ?? '' };
            },
            orderOf(page),
            page.size,
          ),
        }
      : {}),
  };
}

export const http = connectorKind({
  settings: httpSettings,
  open: openHttp,
  fromUrl,
  relatedNames: ({ related }) => Object.keys(related),
  writes: ({ writes }) => writesIn(writes),
  verifiesPasswords: ({ verify }) => verify !== undefined,
  applies: ({ apply }) => apply,
  loginColumns: ({ login, echo }) => (echo === 'off' ? undefined : login),
});

/** The one record with this id as it is now, and its version. */
async function current(api: Api, id: string, settings: HttpSettings): Promise<Found | undefined> {
  const answer = await api.ask(settings.byId, { id }, settings.nobody);
  const documents = answer ? documentsAt(answer.document, settings.byId, settings) : [];
  const [document] = documents.filter((one) => idIn(one, settings) === id);
  return document && { document, etag: answer?.etag };
}

/** https://user:password@host/path; throws an Error for another URL. */
function fromUrl(text: string): Readonly<Record<string, unknown>> {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol)) throw new Error('expected a URL that begins with https:');
  const [user, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  url.username = '';
  url.password = '';
  return { url: url.href, ...(user ? { authorization: { basic: { user, password } } } : {}) };
}

const idIn = (document: Document, { id }: HttpSettings) => textsAt(document, id)[0] ?? '';

/** What stands there may be one record or a list of them; nothing there is nobody. */
function documentsAt(
  answer: unknown,
  { at, path }: { at: string; path: string },
  { url }: HttpSettings,
): Document[] {
  const found = at !== '' && isDocument(answer) ? standingAt(answer, at) : [answer];
  const documents = found.flat().filter((one) => one !== undefined && one !== null);
  if (documents.every(isDocument)) return documents;
  throw unavailable(`${new URL(url).host} /${path} answers with something other than records`);
}

/** An API that looks for part of a name, or answers somebody else's question, has not found this person. */
function echoes(document: Document, login: string, { login: paths, echo }: HttpSettings): boolean {
  if (echo === 'off') return true;
  const fold = (text: string) => {
    const normal = text.normalize('NFC').trim();
    return echo === 'exact' ? normal : normal.toLowerCase();
  };
  const wanted = fold(login);
  return paths.some((path) => textsAt(document, path).some((text) => fold(text) === wanted));
}

/** Two requests may find the same person. */
const onceEach = (rows: readonly LegacyRow[]) =>
  rows.filter((row, index) => row.id === '' || rows.findIndex(({ id }) => id === row.id) === index);

function relatedIn(document: Document | undefined, related: HttpSettings['related']) {
  const named = Object.entries(related).map(([name, { path }]) => [
    name,
    document ? rowsAt(document, path) : [],
  ]);
  return Object.fromEntries(named);
}

/** A wrong password is what the API calls so; everything else that is no success is an outage. */
async function isRight(
  api: Api,
  verify: NonNullable<HttpSettings['verify']>,
  { id, columns }: LegacyRow,
  password: string,
): Promise<boolean> {
  if (password === '' || password.includes('\0') || !password.isWellFormed()) return false;
  const answer = await api.ask(verify, { ...userValues(verify, columns), id, password }, verify.wrong);
  if (!answer)
    throw new FootbridgeError('mapping_failed', { detail: 'the record lacks what http.verify.path names' });
  if (verify.wrong.includes(answer.status)) return false;
  const said = (path: string) => (isDocument(answer.document) ? standingAt(answer.document, path) : []);
  if (verify.echo !== undefined && textOf(said(verify.echo)[0]) !== id) return false;
  return verify.verdict === undefined || said(verify.verdict)[0] === true;
}

/** What `{user.name}` stands for: the record's `name`. */
function userValues(verify: NonNullable<HttpSettings['verify']>, columns: LegacyRow['columns']): Values {
  const names = holesIn([
    verify.path,
    ...Object.values({ ...verify.query, ...verify.form }),
    ...textsIn(verify.body as Json | undefined),
  ]).filter((name) => name.startsWith('user.'));
  return Object.fromEntries(names.map((name) => [name, textOf(columns[name.slice('user.'.length)]) ?? '']));
}

function orderOf(page: NonNullable<HttpSettings['page']>): Order {
  if (page.next !== undefined) return 'cursor';
  const names = holesIn([page.path, ...Object.values(page.query), ...textsIn(page.body as Json | undefined)]);
  return names.includes('offset') || names.includes('page') ? 'count' : 'id';
}
