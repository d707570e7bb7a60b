/** What an approval is for: one operation with one input, the same for the same whatever order it was typed in. */
import { FootbridgeError } from '../../errors.ts';
import type { Keyring } from '../../store/encryption.ts';

const PURPOSE = 'approval';

/** JSON with sorted keys. Throws internal for a value that JSON would leave out or make alike: nobody approves that. */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value);
  if (value instanceof Date) return JSON.stringify(value.toISOString());
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && isPlain(value)) {
    const entries = Object.entries(value)
      .filter(([, held]) => held !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, held]) => `${JSON.stringify(key)}:${canonicalJson(held)}`).join(',')}}`;
  }
  throw new FootbridgeError('internal', { detail: `an input with a ${typeof value} cannot be approved` });
}

const isPlain = (value: object) => [Object.prototype, null].includes(Object.getPrototypeOf(value));

/** With every master key, newest first. Keyed, so that who it is about cannot be tried out. */
export const digestsOf = (
  keyring: Pick<Keyring, 'macs'>,
  operation: string,
  input: unknown,
): readonly Buffer[] => keyring.macs(PURPOSE, operation, canonicalJson(input));

/** `Anna` and `anna` are one person. */
export const isSamePerson = (one: string, other: string): boolean => folded(one) === folded(other);
const folded = (name: string) => name.normalize('NFKC').trim().toLowerCase();

const SECRET_FIELD = /secret|password|token|key$/i;
/** As it is kept and shown: no operation takes a secret that is dangerous, and none would be kept. */
export const shownInput = (input: object): object =>
  Object.fromEntries(
    Object.entries(JSON.parse(canonicalJson(input)) as object).map(([name, value]) => [
      name,
      // Whether passwords are lost is no secret, and what somebody approves.
      SECRET_FIELD.test(name) && typeof value !== 'boolean' ? '[hidden]' : value,
    ]),
  );
