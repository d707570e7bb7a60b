/** What a forecast rests on and takes for granted, in sentences: whoever plans by it has to be able to doubt it. */
import type { Speed } from './calibration.ts';
import { BARRED, NEVER } from './census-tally.ts';
import { dayOf } from './days.ts';
import type { PhaseState } from './deciding.ts';
import type { Basis } from './forecast-streams.ts';
import type { Phase } from './plan.ts';

const DAY_MS = 86_400_000;
/** People who logged in since then are not counted as such. */
const OLD_DAYS = 30;

interface Told {
  readonly speed: Speed;
  readonly success: number;
  readonly phases: readonly { readonly name: string; readonly begins: string | null }[];
}

export function told(basis: Basis, forecast: Told): string[] {
  return [rests(basis, forecast), ...ofTheCensus(basis), ...ofPhases(basis, forecast)];
}

const number = (value: number) => value.toLocaleString('en', { maximumFractionDigits: 2 });
const hundredths = (value: number) =>
  (value * 100).toLocaleString('en', { maximumFractionDigits: value > 0.99 ? 1 : 0 });
const names = (phases: readonly { readonly name: string }[]) => phases.map(({ name }) => name).join(', ');

function rests({ census }: Basis, { speed, success }: Told): string {
  const { factor, low, high, trials } = speed;
  const known = `Rests on ${number(census.people)} people as the legacy store had them on ${dayOf(census.at.getTime())}, and on when each of them last logged in`;
  const range = `${number(low)} to ${number(high)}`;
  return trials === 0
    ? `${known}; nothing has happened yet that it could be held against, so people may come ${range} times as fast as their history says.`
    : `${known}; in ${number(trials)} ${trials === 1 ? 'week' : 'weeks'} of moves, of each phase and segment, people came ${number(factor)} times as fast as their history says (${range}), and ${hundredths(success)} of 100 who came arrived.`;
}

function ofTheCensus({ census, snapshot, phases, baselines, nowMs }: Basis): string[] {
  const sentences: string[] = [];
  if (census.version !== snapshot.version)
    sentences.push(
      `The store was read for version ${census.version} of the plan, and version ${snapshot.version} is in force: \`footbridge rollout census\` reads it afresh.`,
    );
  const { people, ages } = census.tally.all;
  if (people > 0 && (ages[NEVER] ?? 0) + (ages[BARRED] ?? 0) === people)
    sentences.push(
      'The store says of nobody when they logged in last, so nobody is expected: the mapping needs `lastLogin`.',
    );
  const days = Math.floor((nowMs - census.at.getTime()) / DAY_MS);
  if (days >= OLD_DAYS) sentences.push(`The store was last read ${number(days)} days ago.`);
  const late = phases.filter(({ phase, startedAt }) => startedAt !== null && !baselines.has(phase));
  if (late.length > 0)
    sentences.push(
      `The store was first read after these phases had begun, so what they have seen since teaches little of how soon people come: ${late.map(({ phase }) => phase).join(', ')}.`,
    );
  return sentences;
}

interface Asked {
  readonly basis: Basis;
  readonly forecast: Told;
  readonly state: PhaseState;
  readonly isNeeded: boolean;
}

/** Each is said once, with the phases of which it is so. */
const TAKEN: readonly {
  readonly is: (phase: Phase, asked: Asked) => boolean;
  readonly say: (names: string) => string;
}[] = [
  {
    is: ({ starts, needs }, { state }) => state === 'planned' && starts === undefined && needs.length === 0,
    say: (of) => `These have no date, and are taken to begin today: ${of}.`,
  },
  {
    is: ({ starts, needs }, { state }) => state === 'planned' && starts === undefined && needs.length > 0,
    say: (of) => `These are taken to begin as soon as what they need is finished: ${of}.`,
  },
  {
    is: ({ finish }, { isNeeded, state }) => isNeeded && finish === undefined && state !== 'finished',
    say: (of) =>
      `Others wait for these, which do not say when they end: they are taken to be finished once 90 of 100 of their active people are there: ${of}.`,
  },
  {
    is: ({ finish }) => finish?.errorRate !== undefined || finish?.supportPerThousand !== undefined,
    say: (of) => `Error rates and requests to the support are taken to be no obstacle to the end of: ${of}.`,
  },
  {
    is: (_, { state }) => state === 'paused',
    say: (of) => `These are paused, and are taken to go on today: ${of}.`,
  },
  {
    is: (_, { state }) => state === 'rolled-back',
    say: (of) => `These are rolled back, and are taken to stay so: ${of}.`,
  },
  {
    is: ({ identities }) => identities === 'bulk',
    say: (of) => `The batches of these are taken to run on the day on which they begin: ${of}.`,
  },
  {
    is: ({ apps }) => apps !== 'all',
    say: (of) =>
      `Nobody knows who uses which app: whoever logs in anywhere is taken to come to the apps of these phases as well: ${of}.`,
  },
  {
    is: ({ name }, { forecast, state }) =>
      state !== 'rolled-back' && forecast.phases.some((one) => one.name === name && one.begins === null),
    say: (of) => `These do not begin in the time that was looked at: ${of}.`,
  },
];

function ofPhases(basis: Basis, forecast: Told): string[] {
  const { plan, switches } = basis.snapshot;
  const needed = new Set(plan.phases.flatMap(({ needs }) => needs));
  const asked = ({ name }: Phase): Asked => ({
    ...{ basis, forecast, isNeeded: needed.has(name) },
    state: basis.phases.find(({ phase }) => phase === name)?.state ?? 'planned',
  });
  const sentences = TAKEN.flatMap(({ is, say }) => {
    const those = plan.phases.filter((phase) => is(phase, asked(phase)));
    return those.length > 0 ? [say(names(those))] : [];
  });
  if (switches.size > 0) sentences.push('Kill switches are on: they are taken to be off from today.');
  return sentences;
}
