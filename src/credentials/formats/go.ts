/** Products written in Go, and what is near them: Gitea, Grafana, Mattermost, Harbor, Authelia; Elixir's libraries. */
import { decoded, hashFrom } from '../columns.ts';
import { parseBcrypt, parseShaCrypt } from '../crypt-strings.ts';
import { hex, integer, utf8 } from '../encoding.ts';
import { anyOf, format, formats } from '../format.ts';
import { hashOf } from '../hash.ts';
import {
  parseArgon2,
  parsePasslibPbkdf2,
  parsePasslibScrypt,
  parsePbkdf2,
  parseScrypt,
} from '../phc-strings.ts';
import { refuse } from '../reasons.ts';

const BCRYPT = /^\$2.+$/;
const HEX = /^[0-9a-f]+$/i;

/** Names for sets of parameters; without parameters those of before they were stored. */
const GITEA = new Map(
  Object.entries({
    pbkdf2: 'pbkdf2$10000$50',
    pbkdf2_v1: 'pbkdf2$10000$50',
    pbkdf2_v2: 'pbkdf2$50000$50',
    pbkdf2_hi: 'pbkdf2$320000$50',
    argon2: 'argon2$2$65536$8$50',
    scrypt: 'scrypt$65536$16$2$50',
  }),
);

/** Salts are hex; before 2021 ten characters taken as they are. */
const giteaSalt = (salt: string | undefined) => (salt?.length === 10 ? utf8(salt) : hex(salt));

/** `passwd`, `salt`, and the algorithm with its parameters in `passwd_hash_algo`. */
const gitea = (['gitea-pbkdf2', 'gitea-argon2', 'gitea-scrypt', 'gitea-bcrypt', 'gitea'] as const)
  .map((name) =>
    format({
      name,
      pattern: /^.+$/,
      read([text], { salt, column, setting }) {
        const said =
          column('passwd_hash_algo') ?? setting('passwd_hash_algo') ?? name.replace(/^gitea-?/, '');
        const [algorithm, a, b, c] = (GITEA.get(said) ?? said).split('$');
        const parts = { salt: giteaSalt(salt), digest: hex(text) };
        if (text?.startsWith('$2')) return parseBcrypt(text);
        if (algorithm === 'pbkdf2') return parsePbkdf2('sha256', integer(a), parts);
        if (algorithm === 'scrypt') return parseScrypt(integer(a), [b, c], parts);
        if (algorithm !== 'argon2') return refuse('malformed');
        const costs = { passes: integer(a), memoryKib: integer(b), lanes: integer(c) };
        return hashOf('argon2', { variant: 'id', version: 0x13, ...costs }, parts);
      },
    }),
  )
  .map((row) => hashFrom(['passwd', 'password'], row));

/** PBKDF2 in hex over the salt's text. */
const PBKDF2 = [
  ['gogs', 'sha256', 10_000],
  ['grafana', 'sha256', 10_000],
  ['harbor-sha256', 'sha256', 4096],
  ['harbor-sha1', 'sha1', 4096],
] as const;

const pbkdf2 = PBKDF2.map(([name, digest, iterations]) =>
  format({
    name,
    pattern: HEX,
    read: ([text], { salt }) => parsePbkdf2(digest, iterations, { salt: utf8(salt), digest: hex(text) }),
  }),
);

const harbor = format({
  name: 'harbor',
  pattern: HEX,
  read: ([text], { salt, column }) =>
    parsePbkdf2(column('password_version') ?? 'sha256', 4096, { salt: utf8(salt), digest: hex(text) }),
});

const mattermost = [
  format({
    name: 'mattermost-pbkdf2',
    pattern: /^\$pbkdf2\$f=(SHA\d+),w=(\d+),l=\d+\$([^$]+)\$([^$]+)$/,
    mark: true,
    read: ([, digest, iterations, salt, key]) =>
      parsePbkdf2(digest, integer(iterations), { salt: decoded(salt), digest: decoded(key) }),
  }),
  format({ name: 'mattermost-bcrypt', pattern: BCRYPT, read: ([text]) => parseBcrypt(text) }),
];

/** go-crypt writes passlib's texts. */
const authelia = [
  format({ name: 'authelia-argon2', pattern: /^\$argon2.+$/, read: ([text]) => parseArgon2(text) }),
  format({ name: 'authelia-sha512', pattern: /^\$[56]\$.+$/, read: ([text]) => parseShaCrypt(text) }),
  format({ name: 'authelia-pbkdf2', pattern: /^\$pbkdf2.+$/, read: ([text]) => parsePasslibPbkdf2(text) }),
  format({ name: 'authelia-scrypt', pattern: /^\$scrypt.+$/, read: ([text]) => parsePasslibScrypt(text) }),
  format({ name: 'authelia-bcrypt', pattern: BCRYPT, read: ([text]) => parseBcrypt(text) }),
];

/** pbkdf2_elixir: passlib's text, or Django's with the salt as text. */
const elixir = [
  format({ name: 'elixir-pbkdf2', pattern: /^\$pbkdf2-.+$/, read: ([text]) => parsePasslibPbkdf2(text) }),
  format({
    name: 'elixir-pbkdf2-django',
    pattern: /^pbkdf2_(sha\d+)\$(\d+)\$([^$]+)\$([^$]+)$/,
    read: ([, digest, iterations, salt, key]) =>
      parsePbkdf2(digest, integer(iterations), { salt: utf8(salt), digest: decoded(key) }),
  }),
  format({ name: 'elixir-bcrypt', pattern: BCRYPT, read: ([text]) => parseBcrypt(text) }),
  format({ name: 'elixir-argon2', pattern: /^\$argon2.+$/, read: ([text]) => parseArgon2(text) }),
];

/** Home Assistant keeps base64 of bcrypt's text. */
const homeAssistant = format({
  name: 'home-assistant',
  pattern: /^JDJ[A-Za-z0-9+/]{77}$/,
  read: ([text]) => parseBcrypt(Buffer.from(text ?? '', 'base64').toString('latin1')),
});

const BARE_BCRYPT = ['vault-userpass', 'dex', 'influxdb', 'zabbix', 'pocketbase', 'caddy', 'portainer'];

export const goFormats = [
  ...gitea,
  ...pbkdf2,
  harbor,
  ...mattermost,
  anyOf('mattermost', mattermost),
  ...authelia,
  anyOf('authelia', authelia),
  ...elixir,
  anyOf('elixir', elixir),
  homeAssistant,
  ...formats(['splunk'], { pattern: /^\$[56]\$.+$/, read: ([text]) => parseShaCrypt(text) }),
  ...formats(BARE_BCRYPT, { pattern: BCRYPT, read: ([text]) => parseBcrypt(text) }),
];
