/**
 * A rollout that has run for two months, written into a world's database: four thousand people, four phases of which one is
 * over, one runs and one stands still, what logins did, and what was foreseen. Also for whoever takes pictures of it.
 */
import { randomBytes } from 'node:crypto';
import { forecastFor } from '../../../src/admin/forecast/foreseeing.ts';
import { readCensus } from '../../../src/rollout/census-reading.ts';
import type { CensusPerson } from '../../../src/rollout/census-tally.ts';
import { openCounts } from '../../../src/rollout/counts.ts';
import type { Standing } from '../../../src/rollout/days.ts';
import { dayOf, noteDay } from '../../../src/rollout/days.ts';
import { keepForecast } from '../../../src/rollout/forecast-kept.ts';
import { bucketOf, segmentFor } from '../../../src/rollout/membership.ts';
import { keepPlan, readSnapshot, switchOff } from '../../../src/rollout/phases.ts';
import { planShape } from '../../../src/rollout/plan.ts';
import { takeStep } from '../../../src/rollout/turning.ts';
import type { Db } from '../../../src/store/db.ts';
import { statement } from '../../../src/store/db.ts';

export const TARGET = 'new-one';
const PEOPLE = 4_000;
const STAFF = 200;
const DAY_MS = 86_400_000;
/** The first phase began so many days ago. */
const SINCE_DAYS = 60;

const first = `# The staff goes first: they tell us what is wrong.
name: autumn
target: ${TARGET}
segments:
  staff: { emailDomains: [example.com] }
phases:
  - { name: staff, title: Our own staff, segments: [staff] }
  - { name: everybody, title: Everybody else, needs: [staff] }
`;

const second = (starts: string) => `# The staff goes first: they tell us what is wrong.
name: autumn
target: ${TARGET}
apps:
  shop: { title: The shop }
  letters: { title: The newsletter }
segments:
  staff: { emailDomains: [example.com] }
  friends: { roles: [friend] }
  half: { percentage: 55 }
phases:
  - name: staff
    title: Our own staff
    segments: [staff]
    finish: { coverage: 0.9, days: 14 }
  - name: pilot
    title: The pilot
    segments: [friends, half]
    needs: [staff]
    finish: { coverage: 0.99, of: everybody, days: 28, errorRate: 0.02 }
    pause: { errorRate: 0.9 }
  - name: letters
    title: Newsletter readers
    apps: [letters]
    pause: { errorRate: 0.05 }
  - name: everybody
    title: Everybody else
    needs: [pilot]
    starts: '${starts}'
`;

const planOf = (text: string, parse: (text: string) => unknown) => planShape.parse(parse(text));

/** All at once: a server that looks every few seconds finds a plan without a census, and reads its own store. */
export const tellRollout = (db: Db, told: Told): Promise<void> =>
  db.transaction((tx) => tell({ ...db, ...tx, transaction: (work) => work(tx) }, told));

interface Told {
  readonly now: Date;
  /** Of YAML. */
  readonly parse: (text: string) => unknown;
}

async function tell(db: Db, { now, parse }: Told): Promise<void> {
  const ago = (days: number) => now.getTime() - days * DAY_MS;
  const written = { note: 'The first draft', actor: 'operator:ada' };
  await keepPlan(db, { plan: planOf(first, parse), source: first, ...written });
  const text = second(new Date(ago(-21)).toISOString());
  await keepPlan(db, {
    plan: planOf(text, parse),
    source: text,
    note: 'A pilot in between',
    actor: 'operator:grace',
  });
  await read(db, ago(SINCE_DAYS + 1));
  const step = (phase: string, which: 'start' | 'finish' | 'pause', days: number, reason?: string) =>
    takeStep(db, {
      ...{ target: TARGET, phase, step: which, nowMs: ago(days), reason },
      ...(which === 'pause'
        ? { cause: 'gate', actor: 'rollout' }
        : { cause: 'operator', actor: 'operator:ada' }),
    });
  await step('staff', 'start', SINCE_DAYS);
  await step('staff', 'finish', 40, 'Nearly everybody of it is there.');
  await step('pilot', 'start', 38);
  await step('letters', 'start', 10);
  await step(
    'letters',
    'pause',
    2,
    '31 of 240 logins and moves within 60 minutes went wrong: 12.9 % of at most 5 %.',
  );
  await switchOff(
    db,
    { target: TARGET, kind: 'app', name: 'letters' },
    { reason: 'The newsletter shows an old logo.', actor: 'operator:ada' },
  );
  await settle(db, now);
  await flow(db, now);
  await keepForecast(db, await forecastFor({ db, nowMs: () => ago(30) }, TARGET), 'footbridge');
  await read(db, ago(0.1));
  await keepForecast(db, await forecastFor({ db, nowMs: () => ago(0.05) }, TARGET), 'operator:ada');
  await count(db, now);
}

/** Some come every day, most now and then, and some will never come again. */
function person(index: number, nowMs: number): CensusPerson['person'] {
  const everySoMany = [2, 9, 25, 60, 200, 700][index % 6]!;
  const days = (index * 7_919) % everySoMany;
  return {
    sub: `shop:${index}`,
    email: `p${index}@${index <= STAFF ? 'example.com' : 'mail.example'}`,
    emailVerified: true,
    roles: index % 20 === 0 ? ['friend'] : [],
    ...(index % 50 === 7 ? {} : { lastLoginAt: (nowMs - days * DAY_MS) / 1_000 - 3_600 }),
  };
}

async function read(db: Db, nowMs: number): Promise<void> {
  const entries = async function* () {
    for (let index = 1; index <= PEOPLE; index += 1) {
      const user = person(index, nowMs);
      yield { sub: user.sub, user };
    }
  };
  const people = { entries, legacyIdOf: (sub: string) => sub };
  await readCensus({ db, people, nowMs: () => nowMs }, TARGET, { actor: 'footbridge' });
}

type Place = { sub: string; phase: string; segment: string | null; bucket: number; state: string };

const SETTLE = statement(`with rows as (select * from jsonb_to_recordset($2::jsonb)
    as r(sub text, phase text, segment text, bucket int, state text)),
  assigned as (insert into rollout_assignments (target, sub, phase, attempt, segment, bucket, version, way)
    select $1, sub, phase, 1, segment, bucket, 2, 'decision' from rows)
  insert into ledger (target, sub, legacy_id, state, from_state, target_user_id)
    select $1, sub, sub, state, 'legacy', case when state in ('created', 'migrated', 'cut-over') then sub end
    from rows where state <> 'legacy'`);

async function settle(db: Db, now: Date): Promise<void> {
  const snapshot = (await readSnapshot(db, TARGET))!;
  const open = snapshot.plan.phases.filter(({ name }) => name === 'staff' || name === 'pilot');
  const places: Place[] = [];
  for (let index = 1; index <= PEOPLE; index += 1) {
    const one = person(index, now.getTime());
    const bucket = bucketOf(snapshot.salt, one.sub);
    const standing = { person: one, bucket, nowSeconds: now.getTime() / 1_000 };
    for (const phase of open) {
      const segment = segmentFor(snapshot.plan, phase, standing);
      if (segment === undefined) continue;
      places.push({
        sub: one.sub,
        phase: phase.name,
        segment,
        bucket,
        state: stateOf(index, phase.name, one),
      });
      break;
    }
  }
  await db.run(SETTLE, [TARGET, JSON.stringify(places)]);
}

function stateOf(index: number, phase: string, { lastLoginAt = 0 }: CensusPerson['person']): string {
  if (index % 97 === 0) return 'failed';
  if (phase === 'staff') return index % 3 === 0 ? 'migrated' : 'cut-over';
  if (Date.now() / 1_000 - lastLoginAt > 38 * 86_400) return 'legacy';
  if (index % 31 === 0) return 'created';
  return index % 43 === 0 ? 'authenticated' : 'migrated';
}

/** Day by day up to what is so now. */
async function flow(db: Db, now: Date): Promise<void> {
  const rows = await db.run<{ phase: string; state: string; people: number }>(
    statement(`select phase, state, count(*)::int as people from rollout_assignments join ledger using (target, sub)
      group by 1, 2`),
  );
  // All whom the pilot is for were assigned to it.
  const [belong] = await db.run<{ people: number }>(
    statement(`select count(*)::int as people from rollout_assignments where phase = 'pilot'`),
  );
  const began: Readonly<Record<string, number>> = { staff: SINCE_DAYS, pilot: 38 };
  for (let back = SINCE_DAYS; back >= 0; back -= 1) {
    const ofPhases = rows.flatMap(({ phase, state, people }): Standing[] => {
      const days = began[phase]! - back;
      const share = days < 0 ? 0 : 1 - Math.exp(-days / 9);
      const shown = state === 'cut-over' && back > 25 ? 'migrated' : state;
      return share === 0 ? [] : [{ phase, segment: '', state: shown, people: Math.round(people * share) }];
    });
    const summed = Map.groupBy(ofPhases, ({ phase, state }) => `${phase} ${state}`);
    const each = [...summed.values()].map((some) => ({ ...some[0]!, people: sum(some) }));
    const all = [...Map.groupBy(ofPhases, ({ state }) => state)].map(([state, some]) => ({
      ...{ phase: '', segment: '', state, people: sum(some) },
    }));
    const totals = [
      { phase: '', segment: '', people: PEOPLE },
      { phase: 'staff', segment: '', people: STAFF, phaseState: back > 40 ? 'running' : 'finished' },
      {
        phase: 'pilot',
        segment: '',
        people: belong?.people ?? 0,
        phaseState: back > 38 ? 'planned' : 'running',
      },
    ];
    const at = now.getTime() - back * DAY_MS;
    await noteDay(db, {
      target: TARGET,
      day: dayOf(at),
      standings: [...each, ...all],
      totals,
      now: new Date(at),
    });
  }
}

const sum = (some: readonly { readonly people: number }[]) =>
  some.reduce((all, { people }) => all + people, 0);

/** A day and a week of logins, with their noon and their night, and a bad hour. */
async function count(db: Db, now: Date): Promise<void> {
  let at = now.getTime();
  const counts = openCounts({ db, nowMs: () => at });
  const steps = 7 * 24 * 4;
  for (let back = steps; back >= 0; back -= 1) {
    at = now.getTime() - back * 900_000;
    const many = Math.round(6 + 5 * Math.sin(((at / 3_600_000 - 8) / 24) * 2 * Math.PI));
    const isBad = back >= 40 && back < 44;
    for (let nth = 0; nth < many; nth += 1) {
      const own = {
        target: TARGET,
        app: nth % 3 === 0 ? 'letters' : 'shop',
        phase: nth % 2 === 0 ? 'pilot' : '',
      };
      const path = (['facade', 'recognised', 'brokered', 'redirected'] as const)[(nth + back) % 4]!;
      const outcome =
        isBad && nth % 2 === 0 ? 'outage' : nth % 7 === 3 ? 'wrong' : nth % 5 === 1 ? 'moved' : 'ok';
      counts.count({ ...own, path, outcome });
    }
    // Of a few days more than the most different ones that wait.
    if (back % 96 === 0) await counts.flush();
  }
}

/** What a survey of these people would have found. */
export async function tellSurvey(db: Db, at: Date): Promise<void> {
  const weighed = (users: number) => ({ users, recent: Math.round(users * 0.6) });
  const fates = {
    ...{ carried: weighed(2_900), conditional: weighed(120), rehashed: weighed(0) },
    ...{ captured: weighed(830), reset: weighed(90), none: weighed(60) },
  };
  const format = (
    users: number,
    costs: Record<string, number>,
    targets: Record<string, Record<string, number>>,
  ) => ({
    ...weighed(users),
    ...{ costs, targets, examples: ['shop:1'] },
  });
  const report = {
    ...{
      users: PEOPLE,
      startedAt: at.toISOString(),
      finishedAt: at.toISOString(),
      states: { active: PEOPLE },
    },
    lastLogins: {},
    formats: [
      {
        format: 'bcrypt',
        ...format(
          3_020,
          { 'bcrypt cost=10': 2_400, 'bcrypt cost=12': 620 },
          { [TARGET]: { carried: 3_020 } },
        ),
      },
      {
        format: 'phpass',
        ...format(
          830,
          { 'phpass rounds=13': 830 },
          { [TARGET]: { 'captured: algorithm_not_supported': 830 } },
        ),
      },
      {
        format: 'md5-hex',
        ...format(90, { md5: 90 }, { [TARGET]: { 'reset: no_reader': 90 } }),
      },
    ],
    targets: { [TARGET]: fates, keycloak: fates },
    translatable: {
      [TARGET]: { users: 0.766, recent: 0.8 },
      keycloak: { users: 0.766, recent: null },
    },
    ...{ coverage: {}, findings: [], unmappable: [] },
  };
  await db.run(
    statement(`insert into surveys (name, settings, tally, report) values ('legacy', $1, '{}', $2)
      on conflict (name) do update set report = excluded.report`),
    [randomBytes(4), JSON.stringify(report)],
  );
}
