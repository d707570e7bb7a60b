/**
 * What an app that is called knows a session by: its own id, best of all, or the cookies of the browser, or only the
 * person. The handle is the same for the same session, whoever told us of it, because sessions are found by it.
 */
import { z } from 'zod';
import type { LegacyPerson } from '../legacy-app.ts';

export type SessionReference =
  | { readonly id: string }
  | { readonly cookies: Readonly<Record<string, string>> }
  /** All that the person has there: the app does not tell its sessions apart. */
  | { readonly person: LegacyPerson };

/** No braces first, so that an id is never taken for another kind of reference. */
const SESSION_ID = /^[\x21-\x7a\x7c\x7e][\x21-\x7e]{0,511}$/;
/** An app's own id of a session: it is its handle as it is. */
export const sessionId = z
  .string()
  .regex(SESSION_ID, { error: 'expected 1 to 512 visible ASCII characters, no brace first' });

const MAX_HANDLE_LENGTH = 4_096;

const wrapped = z.union([
  z.strictObject({ cookies: z.record(z.string(), z.string()) }),
  z.strictObject({
    person: z.strictObject({ by: z.enum(['id', 'login', 'subject']), value: z.string() }),
  }),
]);

/** Undefined: too long to be kept. */
export function handleOf(reference: SessionReference): string | undefined {
  if ('id' in reference) return reference.id;
  const handle = JSON.stringify(
    'cookies' in reference
      ? { cookies: inOrder(reference.cookies) }
      : { person: { by: reference.person.by, value: reference.person.value } },
  );
  return Buffer.byteLength(handle) <= MAX_HANDLE_LENGTH ? handle : undefined;
}

/** What the app is told of the session; undefined for what is no handle. Never throws. */
export function toldOf(handle: string): object | undefined {
  if (SESSION_ID.test(handle)) return { session: { id: handle } };
  try {
    const reference = wrapped.parse(JSON.parse(handle));
    if ('cookies' in reference) return { session: reference };
    return { [MEMBERS[reference.person.by]]: reference.person.value };
  } catch {
    return undefined;
  }
}

/** How messages call a person. */
export const MEMBERS = { id: 'legacyId', login: 'username', subject: 'sub' } as const;

const inOrder = (cookies: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(cookies).sort(([a], [b]) => (a < b ? -1 : 1)));
