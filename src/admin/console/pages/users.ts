import { findByTargetUsers, states } from '../../../migration/ledger.ts';
import type { User } from '../../../user.ts';
import { seen } from '../../batch/sections.ts';
import type { Desk } from '../../operation.ts';
import { known } from '../known.ts';
import { mayLook, NOBODY, noteLook } from '../looking-up.ts';
import { definePage, userHref } from '../page.ts';
import type { CellOf, Notice, Panel } from '../panels.ts';
import { panelsPage } from '../panels.ts';

/** The longest address, and the longest subject. */
const MAX_LENGTH = 500;

export const usersPage = definePage({
  path: 'users',
  title: 'People',
  menu: { group: 'People', order: 10 },
  async load(desk, { query, who }) {
    const wanted = (query.get('q') ?? '').trim().slice(0, MAX_LENGTH);
    const search: Panel = {
      filters: {
        action: '/admin/users',
        button: 'Look up',
        fields: [{ name: 'q', label: 'Login, subject, or id at a target', value: wanted, kind: 'search' }],
      },
    };
    const lead =
      'One person at a time: by what they type to log in, by their subject, or by their id at a target. Whom you look up is in the audit log.';
    if (wanted === '') return panelsPage({ lead, panels: [search] });
    await mayLook(desk.db, who);
    const { matches, notices } = await findAll(desk, wanted);
    for (const { sub, how } of matches) await noteLook(desk, who, { sub, how });
    if (matches.length === 0) await noteLook(desk, who, NOBODY);
    return panelsPage({ lead, panels: [search, foundPanel(matches, notices)] });
  },
});

interface Match {
  readonly sub: string;
  readonly how: string;
  readonly user: User | undefined;
  /** `main: migrated`. */
  readonly standing: string;
}

/** A login at the legacy store, a subject there or in the ledger, and an id at each target: all are asked, side by side. */
async function findAll(
  desk: Desk,
  wanted: string,
): Promise<{ readonly matches: readonly Match[]; readonly notices: readonly Notice[] }> {
  const { db, directory, targets } = desk;
  const [byLogin, bySub, ledger, ...linked] = await Promise.all([
    known(directory.findByLogin(wanted)),
    known(directory.userBySub(wanted)),
    states(db, wanted),
    ...targets.all.map(({ name }) => findByTargetUsers(db, name, [wanted])),
  ]);
  const hits = new Map<string, { readonly how: string; readonly user: User | undefined }>();
  const add = (sub: string | undefined, how: string, user?: User) => {
    if (sub !== undefined && !hits.has(sub)) hits.set(sub, { how, user });
  };
  if (byLogin.isKnown) add(byLogin.value?.user.sub, 'what they type', byLogin.value?.user);
  if (bySub.isKnown) add(bySub.value?.sub, 'their subject', bySub.value);
  if (ledger.length > 0) add(wanted, 'their subject');
  for (const { sub, target } of linked.flat()) add(sub, `their id at ${target}`);
  const away = [byLogin, bySub].flatMap((one) => (one.isKnown ? [] : [one.why]));
  return {
    matches: await Promise.all([...hits].map(([sub, hit]) => matchOf(desk, sub, hit))),
    notices:
      away.length === 0
        ? []
        : [
            {
              tone: 'warn',
              title: 'The legacy store was not asked in full',
              sentences: [...new Set(away), 'Whoever is found was found here; somebody else may be there.'],
            },
          ],
  };
}

async function matchOf(
  { db, directory }: Desk,
  sub: string,
  { how, user }: { readonly how: string; readonly user: User | undefined },
): Promise<Match> {
  const [ledger, asked] = await Promise.all([
    states(db, sub),
    user ? undefined : known(directory.userBySub(sub)),
  ]);
  const standing = ledger.map(({ target, state }) => `${target}: ${state}`).join(', ');
  return {
    sub,
    how,
    user: user ?? (asked?.isKnown ? asked.value : undefined),
    standing: standing || 'legacy',
  };
}

function foundPanel(matches: readonly Match[], notices: readonly Notice[]): Panel {
  if (matches.length === 0)
    return {
      notices,
      empty: {
        sentence:
          'Nobody was found. Logins have to be typed as people type them: there is no search for parts.',
      },
    };
  return {
    notices,
    table: {
      label: 'Whom it may be',
      head: ['Who', 'Login', 'Found by', 'Standing'],
      rows: matches.map(({ sub, how, user, standing }): CellOf[] => [
        { text: seen(user?.name ?? user?.username ?? sub), href: userHref(sub), note: sub },
        seen(user?.username ?? user?.email ?? ''),
        how,
        standing,
      ]),
    },
  };
}
