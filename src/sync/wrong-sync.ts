/** What of the settings of sync does not fit the targets and the stores: found when they are read, not when it matters. */
import type { ApplyField } from '../legacy/apply.ts';
import type { TargetSettings } from '../targets/target-settings.ts';
import type { SyncField } from './people/fields.ts';
import { APPLIED_AS, SYNC_FIELDS } from './people/fields.ts';
import { areRolesReversible } from './people/planning.ts';
import type { PairSettings, SyncSettings } from './sync-settings.ts';

interface Ends {
  readonly targets: readonly Pick<TargetSettings, 'name' | 'api' | 'users'>[];
  /** What the legacy stores take, each. */
  readonly stores: readonly {
    readonly store: string;
    /** Of `apply`. */
    readonly fields: ReadonlySet<ApplyField>;
    readonly removes: boolean;
    /** `writes.createPerson`. */
    readonly createsPeople: boolean;
  }[];
}

export interface WrongSetting {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** Of several stores it is enough that one can be written to: `sync status` names the others. */
export function wrongSync({ pairs }: SyncSettings, ends: Ends): WrongSetting[] {
  return pairs.flatMap((pair, index) =>
    wrongPair(pair, ends).map(({ path, message }) => ({ path: ['pairs', index, ...path], message })),
  );
}

function wrongPair(pair: PairSettings, { targets, stores }: Ends): WrongSetting[] {
  const target = targets.find(({ name }) => name === pair.target);
  if (!target) {
    const names = targets.map(({ name }) => name).join(', ') || 'there is none';
    return [{ path: ['target'], message: `no target has this name: expected one of \`targets\` (${names})` }];
  }
  if (!target.api)
    return [
      {
        path: ['target'],
        message: `${target.name} has no \`api\`: nothing could be read or written there`,
      },
    ];
  const names = stores.map(({ store }) => store).join(', ');
  const wrong = SYNC_FIELDS.filter((field) => isAsked(pair.fields[field])).flatMap((field) => {
    const place = APPLIED_AS[field];
    const isWritten = stores.some(({ fields }) => fields.has(place));
    const missing = `${names} cannot be written to: expected \`apply.${place}\` there, or \`legacy\` or \`never\` here`;
    return [...(isWritten ? [] : [missing]), ...oneWay(field, target)].map((message) => ({
      path: ['fields', field],
      message,
    }));
  });
  if (pair.gone.fromTarget === 'remove' && !stores.some(({ removes }) => removes))
    wrong.push({
      path: ['gone', 'fromTarget'],
      message: `nobody can be removed in ${names}: expected \`apply.remove\` there, or \`disable\` here`,
    });
  if (pair.newAtTarget === 'create' && !stores.some(({ createsPeople }) => createsPeople))
    wrong.push({
      path: ['newAtTarget'],
      message: `nobody can be made in ${names}: expected \`writes.createPerson\` there`,
    });
  return wrong;
}

const LEADS_TO_LEGACY: ReadonlySet<string> = new Set(['target', 'last-writer', 'ask']);

/** What is left at its default comes back as far as the stores take it, which is told at the start and in the status. */
function isAsked({ before, after }: PairSettings['fields'][SyncField]): boolean {
  if (before === 'legacy' && after === 'target') return false;
  return LEADS_TO_LEGACY.has(before) || LEADS_TO_LEGACY.has(after);
}

/** What the operator's rules make of a value cannot always be made out again. */
function oneWay(field: SyncField, { users }: Pick<TargetSettings, 'users'>): string[] {
  const { from, dropDomain, suffix } = users.username;
  if (field === 'username' && (from !== 'username' || dropDomain || suffix !== ''))
    return ['`users.username` of the target changes names on their way: they cannot come back'];
  if (field === 'roles' && !areRolesReversible({ users }))
    return [
      'two legacy roles become the same at the target (`users.grants`): nobody could tell which one comes back',
    ];
  return [];
}
