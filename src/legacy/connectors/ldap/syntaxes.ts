/** Attributes whose values nobody can read as they are: times of two kinds, and bits. */

/** Generalized Time (RFC 4517 section 3.3.13). */
const TIMES = new Set(
  (
    'createtimestamp modifytimestamp whencreated whenchanged authtimestamp pwdlastsuccess pwdchangedtime ' +
    'pwdfailuretime pwdaccountlockedtime pwdstarttime pwdendtime passwordexpirationtime accountunlocktime ' +
    'krbprincipalexpiration krbpasswordexpiration krblastpwdchange krblastsuccessfulauth'
  ).split(' '),
);
/** 100 nanoseconds since 1601; 0 and the largest number are “never” ([MS-ADTS] 2.2). */
const FILE_TIMES = new Set(
  'accountexpires lockouttime pwdlastset lastlogon lastlogontimestamp badpasswordtime msds-userpasswordexpirytimecomputed'.split(
    ' ',
  ),
);
const NEVER = new Set(['0', '9223372036854775807']);
const EPOCH_1601_MS = -11_644_473_600_000n;
const BITS = new Set(['useraccountcontrol', 'msds-user-account-control-computed']);
/** [MS-ADTS] 2.2.16; those that say something about who may log in. */
const FLAGS: readonly (readonly [number, string])[] = [
  [0x2, 'ACCOUNTDISABLE'],
  [0x10, 'LOCKOUT'],
  [0x20, 'PASSWD_NOTREQD'],
  [0x200, 'NORMAL_ACCOUNT'],
  [0x1_0000, 'DONT_EXPIRE_PASSWORD'],
  [0x4_0000, 'SMARTCARD_REQUIRED'],
  [0x80_0000, 'PASSWORD_EXPIRED'],
];

type Value = string | Buffer;

/** Times in ISO 8601, “never” as no value, and bits as their number with the names of those that are set behind. */
export function readable(type: string, values: readonly Value[]): readonly Value[] {
  const name = type.toLowerCase();
  if (TIMES.has(name)) return values.map((value) => (typeof value === 'string' ? isoOf(value) : value));
  if (FILE_TIMES.has(name)) return values.filter((value) => !NEVER.has(String(value))).map(isoOfFileTime);
  if (BITS.has(name)) return values.flatMap((value) => [value, ...flagsOf(Number(value))]);
  return values;
}

const GENERALIZED = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)?(\d\d)?(?:[.,](\d{1,3})\d*)?(Z|[+-]\d\d(?:\d\d)?)$/;

/** As it is where it is no such time, and where it stands for “for ever”: the year 0000 of pwdAccountLockedTime. */
function isoOf(text: string): string {
  const [, year, month, day, hour, minute = '00', second = '00', fraction = '0', zone = 'Z'] =
    GENERALIZED.exec(text) ?? [];
  if (!year || year === '0000') return text;
  const offset = zone === 'Z' ? zone : `${zone.slice(0, 3)}:${zone.slice(3) || '00'}`;
  return `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.padEnd(3, '0')}${offset}`;
}

function isoOfFileTime(value: Value): Value {
  const text = String(value);
  if (!/^\d{1,18}$/.test(text)) return value;
  return new Date(Number(BigInt(text) / 10_000n + EPOCH_1601_MS)).toISOString();
}

const flagsOf = (bits: number) => FLAGS.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name);
