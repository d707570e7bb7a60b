/**
 * What somebody has at the target and not in the legacy store: read before they are removed there, kept sealed, and
 * written out by `batch export-kept`. No password, second factor or code is in it: no target tells them.
 */
import { refuse } from '../../credentials/reasons.ts';
import type { DirectoryEntry } from '../../legacy/entries.ts';
import type { Json } from '../../store/audit-log.ts';
import type { Keyring } from '../../store/encryption.ts';
import type {
  FoundUser,
  ProfileField,
  TargetGrant,
  TargetLink,
  TargetUser,
} from '../../targets/connection.ts';
import { PROFILE_FIELDS } from '../../targets/connection.ts';
import type { Target } from '../../targets/target.ts';
import type { LegacyEntry } from '../../user.ts';
import { targetUserFor } from '../moving/target-user.ts';
import { profileValue } from '../reconcile/marks.ts';

/** `old`: what the move has brought, or would bring now; `new`: what is at the target. */
export interface Change {
  readonly old: Json;
  readonly new: Json;
}
export const KEPT_FIELDS = [...PROFILE_FIELDS, 'metadata', 'links', 'grants', 'state'] as const;
export type KeptField = (typeof KEPT_FIELDS)[number];
export type Changes = Readonly<Partial<Record<KeptField, Change>>>;

/** What targets make up where the legacy store has nothing: nobody has chosen it. */
const MADE_UP: readonly ProfileField[] = ['displayName', 'locale'];
const NO_PASSWORD = { password: refuse('no_hash'), outcome: 'none' } as const;

export interface Comparison {
  readonly target: Target;
  readonly found: FoundUser;
  readonly entry: Exclude<DirectoryEntry, { error: Error }> | LegacyEntry;
  /** The id of our identity provider at the target. */
  readonly ourIdp: string | undefined;
}

/** Only what is there: what somebody has emptied cannot be told from what the target does not tell. */
export function changesAt({ target, found, entry, ourIdp }: Comparison): Changes {
  const { user } = entry;
  const wanted = wantedAt({ target, found, entry });
  return {
    ...Object.fromEntries(
      PROFILE_FIELDS.flatMap((field) => {
        const change = profileChange(field, found, wanted);
        return change ? [[field, change]] : [];
      }),
    ),
    ...whereNew('metadata', metadataChange(found.metadata, wanted?.metadata ?? {})),
    ...whereNew('links', linksChange(found, { wanted, sub: user.sub, ourIdp })),
    ...whereNew('grants', grantsChange(found.grants ?? [], wanted?.grants ?? [])),
    ...(found.state === 'inactive' || found.state === 'locked'
      ? { state: { old: user.state, new: found.state } }
      : {}),
  };
}

/** What the move would bring now; undefined where the operator's rules refuse the person. */
export function wantedAt({
  target,
  found: { targetUserId },
  entry: { user, credentials },
}: Omit<Comparison, 'ourIdp'>): TargetUser | undefined {
  const made = targetUserFor({
    ...{ entry: { user, credentials }, target, targetUserId },
    ...{ given: NO_PASSWORD, blocked: [] },
  });
  return made.kind === 'user' ? made.user : undefined;
}

function profileChange(
  field: ProfileField,
  found: FoundUser,
  wanted: TargetUser | undefined,
): Change | undefined {
  const value = profileValue(found, field);
  if (value === '' || (MADE_UP.includes(field) && !wanted?.[field])) return undefined;
  if (wanted && profileValue(wanted, field) === value) return undefined;
  return { old: plain(wanted?.[field]), new: plain(found[field]) };
}

const plain = (value: unknown): Json => JSON.parse(JSON.stringify(value ?? null)) as Json;

const whereNew = (field: KeptField, change: Change | undefined): Changes =>
  change ? { [field]: change } : {};

function metadataChange(
  found: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
): Change | undefined {
  const wantedAt = (key: string) => (Object.hasOwn(wanted, key) ? wanted[key]! : null);
  const keys = Object.keys(found).filter((key) => found[key] !== wantedAt(key));
  if (keys.length === 0) return undefined;
  return {
    old: Object.fromEntries(keys.map((key) => [key, wantedAt(key)])),
    new: Object.fromEntries(keys.map((key) => [key, found[key]!])),
  };
}

interface Linked {
  readonly wanted: TargetUser | undefined;
  readonly sub: string;
  readonly ourIdp: string | undefined;
}

/** Accounts elsewhere that were linked at the target. */
function linksChange({ links }: FoundUser, { wanted, sub, ourIdp }: Linked): Change | undefined {
  const known = wanted?.identityProviderLinks ?? [];
  const isOurs = ({ idpId, userId }: TargetLink) => idpId === ourIdp || userId === sub;
  const isKnown = ({ idpId, userId }: TargetLink) =>
    known.some((link) => link.idpId === idpId && link.userId === userId);
  const added = links.filter((link) => !isOurs(link) && !isKnown(link));
  return added.length > 0 ? { old: plain(known), new: plain(added) } : undefined;
}

/** Roles that were given at the target. */
function grantsChange(found: readonly TargetGrant[], wanted: readonly TargetGrant[]): Change | undefined {
  const added = found.flatMap((grant) => {
    const before = wanted.find(
      ({ project, projectGrant }) => project === grant.project && projectGrant === grant.projectGrant,
    );
    const roles = grant.roles.filter((role) => !before?.roles.includes(role));
    return roles.length > 0 ? [{ ...grant, roles }] : [];
  });
  return added.length > 0 ? { old: plain(wanted), new: plain(added) } : undefined;
}

const PURPOSE = 'undo-kept';
/** Of one person; metadata is the only part that can be long. More is nobody's profile, and is not taken away. */
const MAX_KEPT_BYTES = 256 * 1024;

/** With whom somebody came to the target: a batch, or a phase of a target. */
interface Place {
  readonly batch: string;
  readonly sub: string;
}
const placeOf = ({ batch, sub }: Place) => JSON.stringify([batch, sub]);
/** No batch has such a name. */
export const placeOfPhase = (target: string, phase: string) => `${target} ${phase}`;

/** Undefined: there is nothing to keep. `too_large`: it cannot be kept. */
export function sealKept(
  keyring: Keyring,
  { changes, ...place }: Place & { readonly changes: Changes },
): string | undefined | 'too_large' {
  if (Object.keys(changes).length === 0) return undefined;
  const text = JSON.stringify(changes);
  if (Buffer.byteLength(text) > MAX_KEPT_BYTES) return 'too_large';
  return keyring.seal(PURPOSE, text, placeOf(place));
}

/** Undefined: it was sealed with a master key that is not there any more. */
export function openKept(
  keyring: Keyring,
  { kept, ...place }: Place & { readonly kept: string },
): Changes | undefined {
  const text = keyring.open(PURPOSE, kept, placeOf(place));
  return text && (JSON.parse(text.toString()) as Changes);
}
