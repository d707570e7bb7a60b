/** Frameworks that bind a session to the password it was made with: a new password ends it. */
import type { LegacyAppDeps, LegacyPerson } from '../legacy-app.ts';
import type { OpenFormat, SessionContent } from '../session-format.ts';
import { prefixOf } from '../store-subjects.ts';

type Columns = Readonly<Record<string, unknown>>;

/** Of every password that the person has now. Throws legacy_unavailable. */
export async function passwordColumnsOf(
  sub: string,
  { directory }: LegacyAppDeps,
): Promise<readonly Columns[]> {
  const entry = await directory.findBySub(sub);
  return (entry?.credentials.passwords ?? []).map(({ columns }) => columns);
}

/** True also where the framework binds its sessions to no password. */
export async function isBoundToPassword(
  content: SessionContent,
  person: LegacyPerson,
  { format, deps, store }: { format: OpenFormat; deps: LegacyAppDeps; store: string | undefined },
): Promise<boolean> {
  if (!format.isBoundTo) return true;
  const sub = subjectOf(person, deps, store);
  const passwords = sub === undefined ? [] : await passwordColumnsOf(sub, deps);
  return passwords.length === 0
    ? format.isBoundTo(content, undefined)
    : passwords.some((columns) => format.isBoundTo?.(content, columns));
}

/** Undefined: the app names people by what they type, or nothing says which store its primary keys are of. */
function subjectOf(
  { by, value }: LegacyPerson,
  { directory, stores }: LegacyAppDeps,
  store?: string,
): string | undefined {
  if (by === 'subject') return value;
  if (by === 'login') return undefined;
  const prefix = prefixOf(store, stores ?? []);
  const sub = prefix === undefined ? undefined : prefix + value;
  return sub !== undefined && directory.legacyIdOf(sub) === value ? sub : undefined;
}
