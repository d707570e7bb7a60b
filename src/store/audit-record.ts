/** A record of the audit log, and how it is written so that it never fails on what somebody typed. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

export interface AuditRecord {
  /** Who did it: `user`, `operator:<name>`, `client:<id>`, `footbridge`. */
  readonly actor: string;
  /** What was done, like `login.succeeded`. */
  readonly action: string;
  /** Whom it is about, as `pseudonym(sub)`: never the sub itself. */
  readonly subject?: Buffer;
  /** No secrets. Strings are cut at 1,000 characters. */
  readonly detail?: Readonly<Record<string, Json>>;
}

/** What a browser sends may end up in a detail. */
const MAX_STRING_LENGTH = 1_000;

/** As parameters of `(actor, action, subject, detail)`. */
export function recordValues({ actor, action, subject, detail = {} }: AuditRecord): unknown[] {
  return [clean(actor), clean(action), subject ?? null, storable(detail)];
}

/** As JSON text that PostgreSQL can store. */
export function storable(detail: NonNullable<AuditRecord['detail']>): string {
  const json = JSON.stringify(detail, (_, value) => (typeof value === 'string' ? cut(value) : value));
  // In JSON text, keys included, what PostgreSQL cannot store is an escape; an escaped backslash is none.
  return json.replace(/(\\\\)|\\u(?:0000|d[89a-f]..)/g, (_, backslash = '\\ufffd') => backslash);
}

/** PostgreSQL stores neither NUL nor half a surrogate pair, and a record must not fail on what somebody typed. */
export function clean(text: string): string {
  return cut(text).toWellFormed().replaceAll('\0', '\ufffd');
}

function cut(text: string): string {
  return text.slice(0, MAX_STRING_LENGTH);
}
