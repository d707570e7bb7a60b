/**
 * By which name an operator who signs in elsewhere is known here: the first one they came with, for good. If it followed what
 * they call themselves there, a new name would make them their own second pair of eyes.
 */
import { createHash } from 'node:crypto';
import type { Queryable } from '../../store/db.ts';
import { sqlStateOf, statement, UNIQUE_VIOLATION } from '../../store/db.ts';

export interface Operator {
  readonly issuer: string;
  readonly subject: string;
  /** What they are called there now. */
  readonly name: string;
}

const NAME = 80;
/** Of a digest: two of one name are told apart by it. */
const MARK = 8;

/** As names of operators are written: letters, digits and . @ + - _ */
export const asName = (text: string): string =>
  text
    .normalize('NFKC')
    .replace(/[^\p{L}\p{N}.@+_-]+/gu, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, NAME);

const KNOWN = statement('select name from operators where issuer = $1 and subject = $2');
const PIN = statement(`insert into operators (issuer, subject, name) values ($1, $2, $3)
  on conflict (issuer, subject) do update set issuer = excluded.issuer returning name`);

export async function nameOf(q: Queryable, { issuer, subject, name }: Operator): Promise<string> {
  const [known] = await q.run<{ name: string }>(KNOWN, [issuer, subject]);
  if (known) return known.name;
  const wanted = asName(name) || 'operator';
  const pin = async (as: string) => (await q.run<{ name: string }>(PIN, [issuer, subject, as]))[0]!.name;
  try {
    return await pin(wanted);
  } catch (error) {
    if (sqlStateOf(error) !== UNIQUE_VIOLATION) throw error;
    const mark = createHash('sha256')
      .update(JSON.stringify([issuer, subject]))
      .digest('hex')
      .slice(0, MARK);
    return pin(`${wanted.slice(0, NAME - MARK - 1)}-${mark}`);
  }
}
