/**
 * What sync writes to one store: fields of ours, in the store's own columns and words. The row is read first: what the
 * mapping makes of it has to be what was decided on, and what it has as it stands is what the store compares once more when it
 * writes. So nothing is written over that nobody has seen, however the mapping reads it.
 */
import { FootbridgeError } from '../errors.ts';
import type { Applies, ApplyInput, ApplyOutcome, ColumnsInput } from './apply.ts';
import { APPLY_FIELDS, NO_APPLIES } from './apply.ts';
import { roundTrip, writesFor } from './apply-plan.ts';
import { narrowed, readApplied, readsRelated } from './apply-reading.ts';
import type { ApplySettings } from './apply-settings.ts';
import { keyOf, placesIn } from './apply-settings.ts';
import type { Connector, LegacyRow } from './connector.ts';
import type { Ask, Directory } from './directory.ts';
import type { LegacySettings } from './legacy-settings.ts';
import { appliesOf } from './legacy-settings.ts';
import type { LegacyRecord } from './mapping.ts';
import { idOf } from './subjects.ts';
import { MAX_TEXT_LENGTH } from './values.ts';

interface Store {
  readonly prefix: string;
  readonly ask: Ask;
  readonly forget: (sub: string) => void;
  readonly settings: LegacySettings;
  readonly now: () => number;
}

export function applyingTo(
  connector: Connector,
  { prefix, ask, forget, settings, now }: Store,
): Pick<Directory, 'applies' | 'apply'> {
  const apply = connector.apply ? appliesOf(settings) : undefined;
  const applies = apply ? capabilityOf(apply) : NO_APPLIES;
  const mapping = narrowed(settings.mapping);
  const hasRelated = readsRelated(mapping);

  const recordOf = async (sub: string, row: LegacyRow): Promise<LegacyRecord> => {
    const related = hasRelated ? ((await connector.related?.(row.id)) ?? {}) : {};
    return { sub, row, related, sparse: connector.sparse ?? false, nowMs: now() };
  };
  const wasDone = async (mark: string) => (await connector.applied?.(mark)) ?? false;
  const give = (input: ColumnsInput) => connector.apply?.(input) as Promise<ApplyOutcome>;

  const change = async (sub: string, id: string, input: ApplyInput): Promise<ApplyOutcome> => {
    const row = oneWithId(await connector.findById(id), id);
    if (!row) return (await wasDone(input.mark)) ? 'already' : 'gone';
    const record = await recordOf(sub, row);
    const present = readApplied(mapping, record);
    const shown = readApplied({ ...mapping, names: settings.mapping.names }, record);
    const { state, writes } = writesFor(input, { apply: apply!, mapping, record, present, shown });
    if (state === 'changed' || (state === 'there' && connector.applied))
      return (await wasDone(input.mark)) ? 'already' : 'changed';
    const password = input.password === undefined ? {} : passwordIn(apply!, input.password);
    const columns = { ...writes, ...password };
    if (Object.keys(columns).length === 0) return 'already';
    roundTrip(input, { apply: apply!, mapping, record, writes });
    return give({ id, columns, mark: input.mark });
  };

  return {
    applies: (sub) => (idOf(prefix, sub) === undefined ? NO_APPLIES : applies),
    async apply(sub, input) {
      const id = idOf(prefix, sub);
      if (id === undefined) throw new FootbridgeError('user_not_found');
      assertWritable(input, applies);
      const { mark } = input;
      try {
        return await ask(() =>
          input.remove ? give({ id, columns: {}, remove: true, mark }) : change(sub, id, input),
        );
      } finally {
        forget(sub);
      }
    },
  };
}

function capabilityOf(apply: ApplySettings): Applies {
  const { password } = apply;
  const settings = Object.entries(password?.settings ?? {}).map(([name, value]) => [name, value.reveal()]);
  return {
    fields: new Set(placesIn(apply).map(([field]) => field)),
    password: password && {
      format: password.format,
      ...(settings.length > 0 ? { settings: Object.fromEntries(settings) } : {}),
    },
    removes: apply.remove !== undefined && apply.remove !== false,
  };
}

const passwordIn = ({ password }: ApplySettings, after: string): ColumnsInput['columns'] => ({
  [keyOf('password', password ?? {})]: { after },
});

/** A list of names. */
const MAX_ROLES_LENGTH = 65_536;
const MARK = /^[\x21-\x7e]{1,64}$/;

function assertWritable({ fields, password, remove, mark }: ApplyInput, applies: Applies): void {
  const named = APPLY_FIELDS.filter((field) => fields[field] !== undefined);
  const unknown = named.find((field) => !applies.fields.has(field));
  if (unknown) throw notConfigured(unknown);
  if (password !== undefined && !applies.password) throw notConfigured('password');
  if (remove && !applies.removes) throw notConfigured('remove');
  if (!MARK.test(mark)) throw new FootbridgeError('internal', { detail: 'apply: the mark is no mark' });
  if (remove && (named.length > 0 || password !== undefined))
    throw new FootbridgeError('internal', { detail: 'apply: nothing is written to whom it removes' });
  for (const field of named) {
    const { after } = fields[field]!;
    if (after !== null && !isText(after, field === 'roles' ? MAX_ROLES_LENGTH : MAX_TEXT_LENGTH))
      throw noText(field);
  }
  if (password !== undefined && (password === '' || !isText(password, MAX_TEXT_LENGTH)))
    throw noText('password');
}

const notConfigured = (what: string) =>
  new FootbridgeError('not_found', { detail: `\`apply.${what}\` is not configured` });
const noText = (what: string) =>
  new FootbridgeError('bad_request', { detail: `apply.${what} is no text that a store could hold` });

/** NUL and half surrogates are refused by one engine and cut or changed by the next. */
const isText = (value: string, most: number) =>
  value.length <= most && !value.includes('\0') && value.isWellFormed();

function oneWithId(rows: readonly LegacyRow[], id: string): LegacyRow | undefined {
  const same = rows.filter((row) => row.id === id);
  if (same.length <= 1) return same[0];
  throw new FootbridgeError('user_ambiguous', { detail: `${same.length} rows have one id` });
}
