/** What a plan says other than the one before it, in words, and whom its phases are for by then. */
import type { Plan, Segment } from './plan.ts';

export interface Change {
  readonly about: 'plan' | 'app' | 'segment' | 'phase' | 'freeze';
  /** Empty for the plan itself. */
  readonly name: string;
  readonly kind: 'added' | 'removed' | 'changed';
  /** `percentage: 30 → 10`. Of what was added: what it says. */
  readonly details: readonly string[];
}

/** Without a plan before, everything is added. */
export function planChanges(before: Plan | undefined, after: Plan): Change[] {
  const named = (phases: Plan['phases'] = []) =>
    Object.fromEntries(phases.map(({ name, ...phase }) => [name, phase]));
  const frozen = (freezes: Plan['freezes'] = []) =>
    Object.fromEntries(freezes.map(({ from, until, reason }) => [`${from} to ${until}`, { reason }]));
  return [
    ...planItself(before, after),
    ...each('app', before?.apps ?? {}, after.apps),
    ...each('segment', before?.segments ?? {}, after.segments),
    ...each('phase', named(before?.phases), named(after.phases)),
    ...each('freeze', frozen(before?.freezes), frozen(after.freezes)),
  ];
}

function planItself(before: Plan | undefined, after: Plan): Change[] {
  if (!before) return [];
  const details = fieldChanges(
    { name: before.name, facts: before.facts },
    { name: after.name, facts: after.facts },
  );
  const kept = ({ phases }: Plan, other: Plan) =>
    phases.map(({ name }) => name).filter((name) => other.phases.some((one) => one.name === name));
  const order = kept(after, before);
  if (kept(before, after).join() !== order.join())
    details.push(`phases are asked in another order: ${after.phases.map(({ name }) => name).join(', ')}`);
  return details.length > 0 ? [{ about: 'plan', name: '', kind: 'changed', details }] : [];
}

type Things = Readonly<Record<string, object>>;

function each(about: Change['about'], before: Things, after: Things): Change[] {
  const names = [...new Set([...Object.keys(after), ...Object.keys(before)])];
  return names.flatMap((name): Change[] => {
    const [old, now] = [ownOf(before, name), ownOf(after, name)];
    if (!now) return [{ about, name, kind: 'removed', details: [] }];
    const details = fieldChanges(old ?? {}, now);
    if (!old) return [{ about, name, kind: 'added', details: details.map(asAdded) }];
    return details.length > 0 ? [{ about, name, kind: 'changed', details }] : [];
  });
}

const ownOf = (things: Things, name: string) => (Object.hasOwn(things, name) ? things[name] : undefined);
const NOTHING = 'nothing';
const asAdded = (detail: string) => detail.replace(`${NOTHING} → `, '');

/** Field by field; what stands in a field of fields is named `finish.coverage`. */
function fieldChanges(before: object, after: object): string[] {
  const [old, now] = [flat(before), flat(after)];
  const names = [...new Set([...old.keys(), ...now.keys()])];
  return names.flatMap((name) => {
    const [a, b] = [old.get(name), now.get(name)];
    if (JSON.stringify(a) === JSON.stringify(b)) return [];
    return [`${name}: ${bothLists(a, b) ?? `${words(a)} → ${words(b)}`}`];
  });
}

function flat(thing: object, prefix = ''): Map<string, unknown> {
  return new Map(
    Object.entries(thing).flatMap(([name, value]): [string, unknown][] => {
      if (value === undefined || (Array.isArray(value) && value.length === 0)) return [];
      if (typeof value === 'object' && value !== null && !Array.isArray(value))
        return [...flat(value, `${prefix}${name}.`)];
      return [[`${prefix}${name}`, value]];
    }),
  );
}

/** Values of a list that are named; of more it is said how many they are. */
const NAMED = 5;

function bothLists(before: unknown, after: unknown): string | undefined {
  if (!Array.isArray(before) || !Array.isArray(after)) return undefined;
  const [old, now] = [new Set<unknown>(before), new Set<unknown>(after)];
  const added = after.filter((one) => !old.has(one));
  const gone = before.filter((one) => !now.has(one));
  if (added.length + gone.length === 0) return `another order: ${listWords(after)}`;
  return [
    ...(added.length > 0 ? [`with ${listWords(added)}`] : []),
    ...(gone.length > 0 ? [`without ${listWords(gone)}`] : []),
  ].join(', ');
}

const words = (value: unknown): string =>
  value === undefined ? NOTHING : Array.isArray(value) ? listWords(value) : String(value);
const listWords = (values: readonly unknown[]): string =>
  values.length > NAMED ? `${values.length.toLocaleString('en')} of them` : values.join(', ');

export interface Reach {
  /** `other`: for other people than before, or some of them. */
  readonly kind: 'same' | 'grows' | 'shrinks' | 'other';
  /** Where nothing but one share of people differs. */
  readonly percentages?: readonly [before: number, after: number];
}

const WHOLE = 100;

/** Whether a phase that both plans have is for the same people. */
export function reachOf(before: Plan, after: Plan, phase: string): Reach {
  const [old, now] = [peopleOf(before, phase), peopleOf(after, phase)];
  if (textOf(old) === textOf(now)) return { kind: 'same' };
  const shares = old.map(({ percentage = WHOLE }, i): [number, number] => [
    percentage,
    now[i]?.percentage ?? WHOLE,
  ]);
  const without = (segments: readonly Shared[]) => textOf(segments.map(({ percentage: _, ...rest }) => rest));
  if (old.length !== now.length || without(old) !== without(now)) return { kind: 'other' };
  const differing = shares.filter(([a, b]) => a !== b);
  const grows = differing.every(([a, b]) => a < b);
  if (!grows && !differing.every(([a, b]) => a > b)) return { kind: 'other' };
  const [only, ...more] = differing;
  return { kind: grows ? 'grows' : 'shrinks', ...(only && more.length === 0 ? { percentages: only } : {}) };
}

/** Our database keeps the keys of an object in an order of its own. */
const textOf = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );

type Shared = Omit<Segment, 'except'> & { readonly except?: unknown };

/** Everything that decides who belongs to it. A segment that others are excepted by turns the other way: it is looked at as a whole. */
function peopleOf({ segments, phases, facts }: Plan, name: string): Shared[] {
  const phase = phases.find((one) => one.name === name);
  const resolved = (segment: string): unknown => {
    const { except = [], ...rest } = segments[segment] ?? {};
    return { segment, ...rest, except: except.map(resolved) };
  };
  return (phase?.segments ?? []).map((segment): Shared => {
    const { except = [], ...rest } = segments[segment] ?? {};
    const usesFacts = rest.countries !== undefined || rest.risk !== undefined;
    return { ...rest, except: [segment, usesFacts ? facts : {}, ...except.map(resolved)] };
  });
}
