/** What people have in common, as an operator says it in a plan or a batch: schemas, and whether somebody fits. */
import { z } from 'zod';
import type { User } from '../user.ts';

/** Values of one filter; whoever needs more lists the people. */
const MAX_VALUES = 200;
export const MAX_VALUE_LENGTH = 255;

/** A list of texts; on the command line with commas between them. */
export const texts = z
  .union([z.string().transform((text) => text.split(',')), z.array(z.string())])
  .transform((values) => [...new Set(values.map((value) => value.trim()).filter((value) => value !== ''))])
  .pipe(z.array(z.string().max(MAX_VALUE_LENGTH)).min(1).max(MAX_VALUES));

export const domains = texts.transform((values) =>
  values.map((value) => value.replace(/^@/, '').toLowerCase()),
);

const PAIR = '[^=,]+=[^,]*';

/** Keys and what they have to be; on the command line `tier=gold,country=de`. */
export const pairs = z
  .union(
    [
      z
        .string()
        .regex(new RegExp(`^${PAIR}(,${PAIR})*$`))
        .transform(pairsOf),
      z.record(z.string(), z.string()),
    ],
    {
      error: 'expected key=value, with commas between several',
    },
  )
  .pipe(z.record(z.string().min(1).max(MAX_VALUE_LENGTH), z.string().max(MAX_VALUE_LENGTH)))
  .refine((value) => Object.keys(value).length > 0, { error: 'expected key=value' });

function pairsOf(text: string): Record<string, string> {
  const read = text.split(',').map((pair) => /^([^=]+)=(.*)$/s.exec(pair));
  return Object.fromEntries(read.map((match) => [(match?.[1] ?? '').trim(), (match?.[2] ?? '').trim()]));
}

/** Each of these says yes where nothing is asked. */
export const fitsOne = (wanted: readonly string[] | undefined, has: readonly string[]): boolean =>
  wanted === undefined || has.some((one) => wanted.includes(one));

/** Only verified addresses count: nobody gets into a segment by what they have typed. */
export function fitsDomains(
  wanted: readonly string[] | undefined,
  { email, emailVerified }: Pick<User, 'email' | 'emailVerified'>,
): boolean {
  if (wanted === undefined) return true;
  const domain = emailVerified ? email?.split('@').at(-1)?.toLowerCase() : undefined;
  return domain !== undefined && wanted.includes(domain);
}

export function fitsMetadata(
  wanted: Readonly<Record<string, string>> | undefined,
  user: Pick<User, 'metadata'>,
): boolean {
  return Object.entries(wanted ?? {}).every(([key, value]) => metadataText(user, key) === value);
}

export function metadataText({ metadata = {} }: Pick<User, 'metadata'>, key: string): string | undefined {
  const value = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
  return typeof value === 'string' || value === undefined ? value : JSON.stringify(value);
}

/** `sorted` is; by code units, as `sort` does. */
export function isListed(sorted: readonly string[], sub: string): boolean {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (sorted[middle]! < sub) from = middle + 1;
    else to = middle;
  }
  return sorted[from] === sub;
}
