/** What drivers hand over, read as text, yes or no, a moment, or JSON. Absent is `undefined`; nothing is guessed. */

/** Longer texts are no claim: they would fill tokens and headers. */
export const MAX_TEXT_LENGTH = 4_096;

/** Scalars as text. NUL padding of fixed-length binary columns is cut; a NUL elsewhere makes the value unreadable. */
export function textOf(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return value.includes('\0') || value.length > MAX_TEXT_LENGTH ? undefined : value.toWellFormed();
    case 'number':
      return Number.isFinite(value) ? String(value) : undefined;
    case 'bigint':
    case 'boolean':
      return String(value);
    default:
      if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value.toISOString();
      return value instanceof Uint8Array ? textOf(decode(value)) : undefined;
  }
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\0+$/, '');
  } catch {
    return undefined;
  }
}

export function isBlank(value: unknown): boolean {
  return (
    value === undefined ||
    value === null ||
    value === '' ||
    (value instanceof Uint8Array && value.length === 0)
  );
}

const YES = new Set(['1', 'true', 't', 'yes', 'y', 'on', 'j', 'ja']);
const NO = new Set(['', '0', 'false', 'f', 'no', 'n', 'off', 'nein']);

/** `undefined` where a value is there but is neither yes nor no. */
export function truthOf(value: unknown): boolean | undefined {
  if (value === undefined || value === null) return false;
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number' || typeof value === 'bigint') return Number(value) !== 0;
  // BIT(1) of MySQL is a byte that holds 0 or 1.
  if (value instanceof Uint8Array && value.length === 1 && value[0]! < 2) return value[0] === 1;
  const text = textOf(value)?.trim().toLowerCase();
  if (text === undefined) return undefined;
  if (YES.has(text)) return true;
  return NO.has(text) ? false : undefined;
}

/** Seconds since the epoch reach 11 digits in the year 5138, milliseconds passed them in 1973. */
const FIRST_MILLISECONDS = 100_000_000_000;
/** 2024-01-31, 2024-01-31 12:30:00.123456+01, with T, with Z. */
const MOMENT =
  /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,3})\d*)?\s?(Z|[+-]\d\d(?::?\d\d)?)?)?$/i;

/**
 * Milliseconds since the epoch; infinite for PostgreSQL's `infinity`; `undefined` for absent and for MySQL's zero date;
 * NaN where it cannot be read. A time without a zone is UTC.
 */
export function momentOf(value: unknown): number | undefined {
  const text = textOf(value)?.trim();
  if (isBlank(value) || text === '') return undefined;
  if (text === undefined) return Number.NaN;
  if (/^-?\d+$/.test(text)) {
    const number = Number(text);
    return Math.abs(number) < FIRST_MILLISECONDS ? number * 1_000 : number;
  }
  if (/^-?infinity$/.test(text))
    return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const [, date, time = '00:00', fraction = '0', zone = 'Z'] = MOMENT.exec(text) ?? [];
  if (!date) return Number.NaN;
  if (date.startsWith('0000')) return undefined;
  return Date.parse(
    `${date}T${time}.${fraction.padEnd(3, '0')}${zoneOf(zone)}`.replace(/T(\d\d:\d\d)\./, 'T$1:00.'),
  );
}

const zoneOf = (zone: string) =>
  zone.length === 3
    ? `${zone}:00`
    : zone.length === 5
      ? `${zone.slice(0, 3)}:${zone.slice(3)}`
      : zone.toUpperCase();

/** Larger documents do not belong into a claim. */
const MAX_JSON_LENGTH = 16_384;

/** The value as JSON keeps it: whole numbers beyond 2^53 and bytes as text, moments as ISO 8601. */
export function jsonOf(value: unknown): unknown {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value !== 'object' || value === null || value instanceof Date || value instanceof Uint8Array) {
    return textOf(value);
  }
  const json = jsonText(value);
  return json === undefined || json.length > MAX_JSON_LENGTH || json.includes('\\u0000')
    ? undefined
    : JSON.parse(json);
}

/** Undefined for what has no end, or is nested as deeply as nobody writes it. */
function jsonText(value: object): string | undefined {
  try {
    return JSON.stringify(value, (_key, inner) => (typeof inner === 'bigint' ? String(inner) : inner));
  } catch {
    return undefined;
  }
}
