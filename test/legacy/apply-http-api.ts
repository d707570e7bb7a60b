/** A company's user API whose records are nested, on loopback: GET, PATCH as RFC 7396 has it, DELETE. */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ApplyStore } from './apply-contract.ts';

/** How the API knows that somebody else was quicker. */
type Compares = 'before' | 'etag' | 'version' | 'nothing';
type Tree = { [name: string]: unknown };

const PEOPLE = (): Tree[] => [
  {
    id: '1',
    version: 1,
    login: 'anna',
    profile: {
      nick: 'ann',
      given: 'Anna',
      family: 'Alt',
      full: 'Anna A.',
      mail: { address: 'anna@example.com', confirmed: false },
    },
    phone: '+49 30 1234567',
    phoneSince: null,
    language: 'lang-1',
    enabled: true,
    roles: ['author', 'editor'],
  },
  {
    id: '2',
    version: 1,
    login: 'bob',
    profile: { given: 'Bob', family: 'Blau', mail: { address: 'bob@example.com', confirmed: true } },
    phone: '',
    enabled: true,
    roles: [],
  },
];

const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function merged(old: unknown, patch: Tree): Tree {
  const result: Tree = { ...(isTree(old) ? old : {}) };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = isTree(value) ? merged(result[name], value) : value;
  }
  return result;
}

/** Everything of `part` is so in `whole`; null is what is not there. */
const isSo = (whole: unknown, part: unknown): boolean =>
  isTree(part)
    ? Object.entries(part).every(([name, value]) => isSo(isTree(whole) ? whole[name] : undefined, value))
    : JSON.stringify(whole ?? null) === JSON.stringify(part);

const addressOf = (person: Tree | undefined) => ((person?.profile as Tree)?.mail as Tree)?.address;

export async function peopleApi({ compares }: { readonly compares: Compares }) {
  const people = PEOPLE();
  const seen: { method: string; target: string; headers: IncomingHttpHeaders; body: string }[] = [];
  let status: number | undefined;
  let isLost = false;
  const etagOf = (person: Tree) =>
    `"${createHash('sha256').update(JSON.stringify(person)).digest('hex').slice(0, 16)}"`;

  const patch = (person: Tree, body: Tree, headers: IncomingHttpHeaders): number => {
    const { set, was } = compares === 'before' ? (body as { set: Tree; was: Tree }) : { set: body, was: {} };
    if (!isSo(person, was)) return 412;
    if (compares === 'etag' && headers['if-match'] !== etagOf(person)) return 412;
    if (compares === 'version' && headers['if-match'] !== `"${person.version}"`) return 412;
    const next = merged(person, set);
    if (people.some((one) => one !== person && addressOf(one) === addressOf(next))) return 409;
    for (const name of Object.keys(person)) delete person[name];
    Object.assign(person, next, { version: Number(next.version) + 1 });
    return 204;
  };
  const listener = async (req: IncomingMessage, res: ServerResponse) => {
    let body = '';
    for await (const chunk of req) body += chunk;
    const { method = '', url = '', headers } = req;
    seen.push({ method, target: url, headers, body });
    const { pathname, searchParams } = new URL(url, 'http://api');
    const answer = (code: number, json?: unknown, more: Record<string, string> = {}) => {
      res.writeHead(code, { 'content-type': 'application/json', ...more });
      res.end(json === undefined ? '' : JSON.stringify(json));
    };
    const [, , id] = pathname.split('/').map(decodeURIComponent);
    if (id === undefined)
      return answer(
        200,
        people.filter(({ login }) => login === searchParams.get('login')),
      );
    const person = people.find((one) => one.id === id);
    if (!person) return answer(404);
    if (method === 'GET') return answer(200, person, compares === 'etag' ? { etag: etagOf(person) } : {});
    if (status !== undefined) return answer(status);
    const code = method === 'DELETE' ? 204 : patch(person, JSON.parse(body), headers);
    if (method === 'DELETE') people.splice(people.indexOf(person), 1);
    if (!isLost) return answer(code);
    isLost = false;
    res.destroy();
  };
  const server = createServer((req, res) => void listener(req, res));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    people,
    seen,
    /** Of every write, which is not done then. */
    answerWrites(code: number) {
      status = code;
    },
    /** The next write is done, and nobody hears of it. */
    loseAnswer() {
      isLost = true;
    },
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const REQUESTS = {
  before: { body: { set: '{changes}', was: '{before}' } },
  etag: { ifMatch: 'etag' },
  version: { ifMatch: { member: 'version' } },
  nothing: {},
} as const;

export const personSettings = (url: string, compares: Compares) => ({
  timeoutMs: 5_000,
  http: {
    url,
    login: ['login'],
    byLogin: { path: 'people', query: { login: '{login}' } },
    byId: { path: 'people/{id}' },
    apply: {
      request: { method: 'PATCH', path: 'people/{id}', ...REQUESTS[compares] },
      username: 'login',
      email: 'profile.mail.address',
      emailVerified: { column: 'profile.mail.confirmed', values: { true: true, false: false } },
      phoneNumber: { column: 'phone', none: '' },
      phoneNumberVerified: { column: 'phoneSince', values: { true: 'now', false: null } },
      name: 'profile.full',
      givenName: 'profile.given',
      familyName: 'profile.family',
      nickname: 'profile.nick',
      locale: { column: 'language', values: { de: 'lang-1', en: 'lang-2' } },
      state: { column: 'enabled', values: { active: true, disabled: false } },
      roles: 'roles',
      password: { column: 'hash', format: 'bcrypt' },
      remove: { method: 'DELETE', path: 'people/{id}' },
    },
  },
  mapping: {
    username: 'login',
    email: 'profile.mail.address',
    emailVerified: { column: 'profile.mail.confirmed', equals: true },
    phoneNumber: 'phone',
    phoneNumberVerified: { column: 'phoneSince', present: true },
    name: 'profile.full',
    givenName: 'profile.given',
    familyName: 'profile.family',
    nickname: 'profile.nick',
    locale: { column: 'language', transform: [{ after: 'lang-' }, { map: { 1: 'de', 2: 'en' } }] },
    disabled: { column: 'enabled', equals: false },
    roles: 'roles',
    password: [{ format: 'bcrypt', columns: { password: 'hash' } }],
  },
});

export async function httpApplyStore({ compares }: { readonly compares: Compares }): Promise<ApplyStore> {
  const api = await peopleApi({ compares });
  const person = (id: string) => api.people.find((one) => one.id === id);
  return {
    settings: personSettings(api.url, compares),
    rename: (id, givenName) => {
      const one = person(id)!;
      one.profile = { ...(one.profile as Tree), given: givenName };
      one.version = Number(one.version) + 1;
    },
    password: async (id) => person(id)?.hash,
    drop: api.close,
  };
}
