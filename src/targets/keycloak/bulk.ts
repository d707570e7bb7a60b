/**
 * Making many users at Keycloak. Of each it is asked before whether our link is there: nothing at Keycloak keeps a second
 * user from having it. What was added is not read back, but for one of each message.
 */
import type { ImportOutcome, Preview, TargetUser } from '../connection.ts';
import { inParallel } from '../in-parallel.ts';
import { realmRoot } from './api.ts';
import type { Dropped } from './dropped.ts';
import { createdByMessage, droppedOf } from './dropped.ts';
import { AT_ONCE, asOutcome, failed, importFresh, importOne, outcomeBefore, refusalOf } from './import.ts';
import type { ImportingMany, Row, Sending } from './partial-import.ts';
import { addAll, messageOf, realmRolesOf, rolesInMessage } from './partial-import.ts';
import { representationOf } from './representation.ts';
import type { RoleBook } from './roles.ts';
import { givableRealmRoles, grantRoles } from './roles.ts';
import { userPath } from './users.ts';

/** Each takes more time there the more of them are in one message. */
const MESSAGE_USERS = 50;

export async function importBulk(
  work: ImportingMany,
  users: readonly TargetUser[],
): Promise<readonly ImportOutcome[]> {
  const outcomes = new Map<number, ImportOutcome>();
  const { together, namesakes } = sorted(users.map((user, at) => ({ user, at })));
  for (const part of partsOf(together)) await importPart(work, part, outcomes);
  await inParallel(namesakes, AT_ONCE, async ({ user, at }) => {
    outcomes.set(at, await importOne(work, user));
  });
  return users.map((_user, at) => outcomes.get(at)!);
}

async function importPart(work: ImportingMany, part: readonly Row[], outcomes: Map<number, ImportOutcome>) {
  await inParallel(part, AT_ONCE, async ({ user, at }) => {
    const before = await asOutcome(() => outcomeBefore(work, user));
    if (before) outcomes.set(at, before);
  });
  const fresh = part.filter(({ at }) => !outcomes.has(at));
  const givable = await givableTo(work, fresh).catch(failed);
  if ('kind' in givable) {
    for (const { at } of fresh) outcomes.set(at, givable);
    return;
  }
  const sending = { ...work, givable };
  const added = await addAll(sending, fresh);
  const telling = { ...sending, dropped: await droppedOf(work, added), book: new Map() };
  await inParallel(fresh, AT_ONCE, async (row) => {
    const done = added.get(row) ?? (await importFresh(work, row.user));
    outcomes.set(
      row.at,
      typeof done === 'string' ? await asOutcome(() => told(telling, row.user, done)) : done,
    );
  });
}

/** The roles that messages may name; none are asked for where nobody is to have any. */
async function givableTo(work: ImportingMany, rows: readonly Row[]): Promise<ReadonlySet<string>> {
  const isWanted = rows.some(({ user }) => realmRolesOf(user, work.realm).length > 0);
  return isWanted ? givableRealmRoles(work, work.clientId) : new Set();
}

interface Telling extends Sending {
  readonly dropped: Dropped;
  readonly book: RoleBook;
}

/** Of somebody who was added; gives them the roles that the message did not name. */
async function told(work: Telling, user: TargetUser, id: string): Promise<ImportOutcome> {
  const named = new Set(rolesInMessage(work, user));
  const left = user.grants
    .map((grant) => ({
      ...grant,
      roles: grant.roles.filter((role) => grant.project !== work.realm || !named.has(role)),
    }))
    .filter(({ roles }) => roles.length > 0);
  const ungranted = await grantRoles(work, userPath(id), left);
  return createdByMessage(work, { user, id, ungranted });
}

/**
 * One message for each part of those who are not refused before. Of the realm's roles it names all that they are to have;
 * those of clients are given in calls of their own, which are not shown.
 */
export function previewBulk(
  work: Pick<ImportingMany, 'alias' | 'realm' | 'accepts' | 'memory'>,
  users: readonly TargetUser[],
): readonly Preview[] {
  const { alias, realm, memory } = work;
  // Keycloak's own name for it, as long as nobody has asked.
  const { defaultRole = `default-roles-${realm.toLowerCase()}` } = memory;
  const { together, namesakes } = sorted(
    users.flatMap((user, at) => (refusalOf(work, user) ? [] : [{ user, at }])),
  );
  const messages = partsOf(together).map((part) => {
    const givable = new Set(part.flatMap(({ user }) => realmRolesOf(user, realm)));
    const body = messageOf({ alias, realm, defaultRole, givable }, part);
    return { method: 'POST', path: `${realmRoot(realm)}/partialImport`, body };
  });
  const alone = namesakes.map(({ user }) => {
    return { method: 'POST', path: `${realmRoot(realm)}/users`, body: representationOf(user, alias) };
  });
  return [...messages, ...alone];
}

/** Two with the same name, address or subject in one message, and Keycloak takes nobody of it: the second one comes after. */
function sorted(rows: readonly Row[]): {
  readonly together: readonly Row[];
  readonly namesakes: readonly Row[];
} {
  const known = new Set<string>();
  const [together, namesakes]: [Row[], Row[]] = [[], []];
  for (const row of rows) {
    const { sub, username, email } = row.user;
    const names = [
      ['sub', sub],
      ['username', username.toLowerCase()],
      ['email', email?.address.toLowerCase()],
    ]
      .filter(([, name]) => name !== undefined)
      .map((name) => name.join(' '));
    const isNamesake = names.some((name) => known.has(name));
    (isNamesake ? namesakes : together).push(row);
    for (const name of names) known.add(name);
  }
  return { together, namesakes };
}

const partsOf = (rows: readonly Row[]): readonly (readonly Row[])[] =>
  Array.from({ length: Math.ceil(rows.length / MESSAGE_USERS) }, (_none, part) =>
    rows.slice(part * MESSAGE_USERS, (part + 1) * MESSAGE_USERS),
  );
