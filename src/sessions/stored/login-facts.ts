/** What a session's data says about how and when its person logged in, where the settings say it is. */
import { z } from 'zod';
import { isBlank, momentOf, textOf, truthOf } from '../../legacy/values.ts';
import { pathOf, valueAt } from '../serialisation/fields.ts';

const field = z.string().regex(/^[^.\s]{1,128}(?:\.[^.\s]{1,128}){0,7}$/, {
  error: 'expected names joined by dots, like user.id',
});

export const factSettings = {
  authTimeField: field
    .exactOptional()
    .describe(
      'Where in the session it stands when the person logged in: seconds or milliseconds since the epoch, or ISO 8601.',
    ),
  amrField: field
    .exactOptional()
    .describe('Where in the session it stands how the person logged in: RFC 8176 values, a list or a text.'),
  secondFactorField: field
    .exactOptional()
    .describe(
      'Where in the session something stands once the second factor was used: anything but empty, zero, false or no.',
    ),
};
export interface FactFields {
  readonly authTimeField?: string;
  readonly amrField?: string;
  readonly secondFactorField?: string;
}

const AMR = /^[a-z0-9][a-z0-9._-]{0,31}$/i;
const MAX_AMR = 8;

/** Seconds since the epoch; undefined where it cannot be read, or lies in the future. */
export function authTimeOf(data: unknown, { authTimeField }: FactFields, now: number): number | undefined {
  if (authTimeField === undefined) return undefined;
  const value = valueAt(data, pathOf(authTimeField));
  const text = textOf(value);
  // What Python's time.time() gives.
  const ms = momentOf(text !== undefined && /^\d+\.\d+$/.test(text) ? text.replace(/\..*/, '') : value);
  return pastSeconds(ms, now);
}

/** Whole seconds of a moment that is over; undefined for any other. */
export function pastSeconds(ms: number | undefined, now: number): number | undefined {
  const seconds = Math.floor((ms ?? Number.NaN) / 1_000);
  return seconds > 0 && seconds <= now ? seconds : undefined;
}

export function amrOf(data: unknown, { amrField, secondFactorField }: FactFields): string[] {
  const told = amrField === undefined ? undefined : valueAt(data, pathOf(amrField));
  const texts = Array.isArray(told) ? told.slice(0, MAX_AMR) : String(textOf(told) ?? '').split(/[\s,]+/);
  const amr = texts.filter((one): one is string => typeof one === 'string' && AMR.test(one));
  const isTwoFactor = secondFactorField !== undefined && isSet(valueAt(data, pathOf(secondFactorField)));
  return [...new Set([...amr.slice(0, MAX_AMR), ...(isTwoFactor ? ['mfa'] : [])])];
}

/** Also a device's name or a time; never a list or a map, of which nobody knows what it says. */
function isSet(value: unknown): boolean {
  if (isBlank(value) || textOf(value)?.trim() === '') return false;
  return truthOf(value) ?? textOf(value) !== undefined;
}
