/**
 * The people of the demo: all invented, with passwords that are shown on the story page. Their oddities are the ones
 * every grown user store has.
 */
import type { HashKindName } from './hash-kinds.ts';

export interface Person {
  /** The shop's primary key. */
  readonly id: number;
  readonly login: string;
  readonly givenName?: string;
  readonly familyName?: string;
  readonly email?: string;
  readonly password: string;
  readonly kind: HashKindName;
  readonly role: 'customer' | 'clerk' | 'admin';
  readonly language: string;
  readonly phone?: string;
  readonly emailConfirmed: boolean;
  readonly active: boolean;
  readonly lockedUntil?: string;
  /** When the demo began; undefined: never since the shop writes it down. */
  readonly seenDaysAgo?: number;
  /** Base32, as an authenticator app takes it. */
  readonly otpSeed?: string;
  /** What is special, for the table on the story page. */
  readonly remark?: string;
}

type Row = readonly [login: string, givenName: string, familyName: string, kind: HashKindName, more?: More];
type More = Partial<Omit<Person, 'id' | 'login' | 'kind' | 'givenName' | 'familyName' | 'email'>> & {
  readonly email?: string | null;
  readonly nameless?: true;
};

/** The first dozen are worth a try each; the others make a crowd. */
const ROWS: readonly Row[] = [
  [
    'anna',
    'Anna',
    'Sommerfeld',
    'bcrypt',
    { password: 'anna-crosses-the-bridge', remark: 'Start with her.' },
  ],
  [
    'juergen',
    'Jürgen',
    'Müßig',
    'django',
    { password: 'Grüße aus Köln', language: 'de', remark: 'Umlauts and blanks in the password.' },
  ],
  [
    'ines',
    'Inês',
    'Carvalhal',
    'phpass',
    {
      password: 'oito-oceanos',
      language: 'pt',
      otpSeed: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP',
      remark: 'Has a second factor: it moves along.',
    },
  ],
  [
    'kwame',
    'Kwame',
    'Asantewaa',
    'argon2',
    {
      password: 'kente-and-cocoa',
      otpSeed: 'KRUGS4ZANFZSAYJAONSWG4TFOQQHGZLF',
      remark: 'Second factor and the strongest hash.',
    },
  ],
  [
    'dilan',
    'Dilan',
    'Yıldızoğlu',
    'md5salt',
    { password: 'elma-armut-42', language: 'tr', remark: 'The salt sits in a second column.' },
  ],
  [
    'fatou',
    'Fatou',
    'Diopkane',
    'wp',
    {
      password: 'baobab-at-dawn',
      language: 'fr',
      remark: 'The hash cannot be rewritten: her password is hashed anew at her first login here.',
    },
  ],
  [
    'goran',
    'Goran',
    'Petrovikj',
    'ssha',
    {
      password: 'ohrid1979',
      otpSeed: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
      remark:
        'The hash cannot be rewritten either; his password is hashed anew, and his second factor moves along.',
    },
  ],
  [
    'hana',
    'Hana',
    'Nováčková',
    'gost-yescrypt',
    {
      password: 'nobody-can-check-this',
      language: 'cs',
      remark: 'Nobody here computes this hash: she needs a reset.',
    },
  ],
  [
    'mia',
    'Mia',
    'Bergström',
    'bcrypt',
    {
      password: 'mia-was-first',
      email: 'mia.berg@example.com',
      language: 'sv',
      remark: 'Her email differs from the next one in case only.',
    },
  ],
  [
    'mia2',
    'Mia',
    'Bergson',
    'bcrypt',
    {
      password: 'mia-came-second',
      email: 'Mia.Berg@example.com',
      remark: 'By email the shop always takes the older one; Footbridge goes by the exact letters.',
    },
  ],
  [
    'lars',
    'Lars',
    'Øvregaard',
    'django',
    { password: 'fjord-fjell-foss', language: 'nb', emailConfirmed: false, remark: 'Email never confirmed.' },
  ],
  [
    'nadia',
    'Nadia',
    'Benhaddouche',
    'bcrypt',
    { password: 'medina-blue', active: false, remark: 'Account disabled: refused.' },
  ],
  [
    'oskar',
    'Oskar',
    'Lindqvister',
    'bcrypt',
    { password: 'skerries-in-july', lockedUntil: '2099-12-31T00:00:00Z', remark: 'Account locked: refused.' },
  ],
  [
    'till7',
    '',
    '',
    'md5',
    { password: 'till7', nameless: true, remark: 'Made at a till: moves without a name.' },
  ],
  [
    'priya',
    'Priya',
    'Raghunathan',
    'bcrypt',
    {
      password: 'monsoon-window',
      email: null,
      remark: 'No email address: the new system refuses her, as ZITADEL would.',
    },
  ],
  [
    'søren',
    'Søren',
    'Ågesen',
    'sha512',
    {
      password: 'smørrebrød!',
      email: 'soeren.aagesen@example.org',
      language: 'da',
      remark: 'Not even the login is ASCII.',
    },
  ],
  [
    'viktor',
    'Viktor',
    'Ostapenkov',
    'bcrypt',
    {
      password: 'a passphrase so long that bcrypt stops listening long before its owner has come to the end',
      remark: 'Longer than bcrypt’s 72 bytes.',
    },
  ],
  [
    'wanda',
    'Wanda',
    'Kowalczykowa',
    'md5',
    {
      password: 'w1',
      language: 'pl',
      remark: 'Far too short for the new system: the hash moves all the same.',
    },
  ],
  [
    'yusuf',
    'Yusuf',
    'Hadidian',
    'argon2',
    { password: 'keys-of-the-shop', role: 'admin', remark: 'Runs the shop.' },
  ],
  [
    'zoe',
    'Zoë',
    'Vandermeersch',
    'bcrypt',
    { password: 'counter-and-bell', role: 'clerk', language: 'nl', remark: 'Works at the counter.' },
  ],
  ['aiko', 'Aiko', 'Morishige', 'phpass', { language: 'ja' }],
  ['bruno', 'Bruno', 'Kellerhals', 'django', { language: 'de' }],
  ['chiara', 'Chiara', 'Rossettini', 'bcrypt', { language: 'it' }],
  ['dagny', 'Dagný', 'Þórsdóttir', 'md5salt', { language: 'is' }],
  ['emre', 'Emre', 'Çelikbaş', 'argon2', { language: 'tr' }],
  ['florin', 'Florin', 'Țepeșan', 'bcrypt', { language: 'ro' }],
  ['grainne', 'Gráinne', 'O’Dubhlaoich', 'sha512', { language: 'ga' }],
  ['henrik', 'Henrik', 'Tammsaarson', 'phpass', { emailConfirmed: false }],
  ['itzel', 'Itzel', 'Ramírez Xicohtén', 'django', { language: 'es-MX' }],
  ['jomo', 'Jomo', 'Wanyambura', 'bcrypt'],
  ['kaito', 'Kaito', 'Fujisakai', 'argon2', { language: 'ja', otpSeed: 'MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U' }],
  ['leilani', 'Leilani', 'Kahananui', 'bcrypt'],
  ['mehdi', 'Mehdi', 'Zarrinkafsh', 'ssha'],
  ['nils', 'Nils', 'Größenwahner', 'md5salt', { language: 'de' }],
  ['olga', 'Ольга', 'Синицкая', 'django', { language: 'ru', email: 'olga.sinitskaya@example.net' }],
  ['pham', 'Phạm', 'Thị Hương Giang', 'phpass', { language: 'vi', email: 'huong.giang@example.net' }],
  ['quentin', 'Quentin', 'L’Hermitière', 'bcrypt', { language: 'fr', active: false }],
  ['rosa', 'Rosa', 'Iturriagoitia', 'wp', { language: 'es' }],
  ['sipho', 'Sipho', 'Ndlangamandla', 'sha512', { phone: '+27 11 555 0142' }],
  ['tomasz', 'Tomasz', 'Źdźbłowski', 'bcrypt', { language: 'pl', phone: '+48 22 555 01 33' }],
];

const FIRST_ID = 1001;
/** Most come every other week, some at Christmas, and some have forgotten that they have an account. */
const SEEN_DAYS_AGO = [2, 0, 11, 1, 34, 5, 170, 3, undefined, 19, 58, 7, 410, 26] as const;
const MAIL_HOSTS = ['example.com', 'example.org', 'example.net'] as const;

export const PEOPLE: readonly Person[] = ROWS.map(([login, givenName, familyName, kind, more = {}], at) => {
  const seenDaysAgo = SEEN_DAYS_AGO[at % SEEN_DAYS_AGO.length];
  const { nameless, email = `${login}@${MAIL_HOSTS[at % MAIL_HOSTS.length]}`, ...rest } = more;
  return {
    id: FIRST_ID + at,
    login,
    kind,
    password: `${login}-likes-old-shops`,
    role: 'customer',
    language: 'en',
    emailConfirmed: true,
    active: true,
    ...(seenDaysAgo === undefined ? {} : { seenDaysAgo }),
    ...(nameless ? {} : { givenName, familyName }),
    ...(email === null ? {} : { email }),
    ...rest,
  };
});
