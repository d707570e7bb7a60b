/** What of the settings of sync does not fit the targets and the stores: found when they are read, not when it matters. */
import type { ApplyField } from '../legacy/apply.ts';
import type { TargetSettings } from '../targets/target-settings.ts';
import { APPLIED_AS, SYNC_FIELDS } from './people/fields.ts';
import { areRolesReversible } from './people/planning.ts';
import type { SyncSettings } from './sync-settings.ts';

interface Ends {
  readonly targets: readonly TargetSettings[];
  /** What the legacy stores take, each. */
  readonly applies: readonly {
    readonly store: string;
    readonly fields: ReadonlySet<ApplyField>;
    readonly password: boolean;
  }[];
}

export interface WrongSetting {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** What `target` and `last-writer` need is that the legacy store can be written to. */
export function wrongSync({ pairs }: SyncSettings, { targets, applies }: Ends): WrongSetting[] {
  return pairs.flatMap((pair, index) => {
    const at = (...path: PropertyKey[]) => ['pairs', index, ...path];
    const target = targets.find(({ name }) => name === pair.target);
    if (!target) return [{ path: at('target'), message: 'there is no target of this name' }];
    if (!target.api)
      return [{ path: at('target'), message: 'this target has no `api`: nothing could be written there' }];
    const wrong = pair.fields;
    const problems = SYNC_FIELDS.flatMap((field): WrongSetting[] => {
      // What is left at its default is what the stores make of it.
      const { before, after } = wrong[field];
      const path = at('fields', field);
      if (!leadsToLegacy(before) && !leadsToLegacy(after)) return [];
      const isDefault = before === 'legacy';
      const missing = applies.find(({ fields }) => !fields.has(APPLIED_AS[field]));
      if (missing && !isDefault)
        return [
          {
            path,
            message: `${missing.store} cannot be written to: expected \`apply.${APPLIED_AS[field]}\` there`,
          },
        ];
      return reversible(field, target)
        .map((message) => ({ path, message }))
        .filter(() => !isDefault);
    });
    return problems;
  });
}

const leadsToLegacy = (word: string) => word === 'target' || word === 'last-writer' || word === 'ask';

/** What the operator's rules make of a value cannot always be made out again. */
function reversible(field: (typeof SYNC_FIELDS)[number], { users }: TargetSettings): string[] {
  const { from, dropDomain, suffix } = users.username;
  if (field === 'username' && (from !== 'username' || dropDomain || suffix !== ''))
    return ['`users.username` of the target changes names on their way: they cannot come back'];
  if (field === 'roles' && !areRolesReversible({ users }))
    return [
      'two legacy roles become the same at the target (`users.grants`): nobody could tell which one comes back',
    ];
  return [];
}
