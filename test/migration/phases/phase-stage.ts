/** A plan, a legacy store that takes changes, and a target in memory: people of a phase go there by batches, and come back. */
import { expect } from 'vitest';
import type { Directory } from '../../../src/legacy/directory.ts';
import { openDirectory } from '../../../src/legacy/directory.ts';
import { legacySettings } from '../../../src/legacy/legacy-settings.ts';
import { openBatchEngine } from '../../../src/migration/batch/engine.ts';
import { openGovernor } from '../../../src/migration/batch/governor.ts';
import { proveParts } from '../../../src/migration/ledger.ts';
import { openMover } from '../../../src/migration/moving/moving.ts';
import type { Gathered } from '../../../src/migration/phases/gathering.ts';
import { gather } from '../../../src/migration/phases/gathering.ts';
import type { PasswordStanding } from '../../../src/migration/phases/return-person.ts';
import type { ReturnScope } from '../../../src/migration/phases/return-rows.ts';
import type { ReturnTally } from '../../../src/migration/phases/return-tally.ts';
import type { ReturningDeps } from '../../../src/migration/phases/returning.ts';
import { returnPeople } from '../../../src/migration/phases/returning.ts';
import type { PhaseState } from '../../../src/rollout/deciding.ts';
import { keepPlan, turnPhase } from '../../../src/rollout/phases.ts';
import { planShape } from '../../../src/rollout/plan.ts';
import { openRollout } from '../../../src/rollout/rollout.ts';
import type { FoundUser } from '../../../src/targets/connection.ts';
import { openBatchStage } from '../batch/batch-stage.ts';
import { IDP } from '../batch/memory-target.ts';
import { legacyInput } from '../batch/people.ts';

export const ACTOR = 'operator:anna';
const PACE = { size: 50, perSecond: null, workers: 1 };
/** The mark is in `moved`. */
const STORE = {
  flag: { statement: 'update people set moved = :migrated where id::text = :id' },
  apply: {
    givenName: 'given',
    email: 'email',
    emailVerified: { column: 'proved', values: { true: true, false: false } },
    state: { column: 'active', values: { active: true, disabled: false } },
  },
};

export type PhaseStage = Awaited<ReturnType<typeof openPhaseStage>>;

export async function openPhaseStage(users: number) {
  const stage = await openBatchStage(users);
  await stage.legacySql('alter table people add column proved boolean not null default true');
  const input = legacyInput(stage.legacy.url);
  const directory: Directory = openDirectory(
    legacySettings.parse({
      ...input,
      sql: { ...input.sql, ...STORE },
      mapping: { ...input.mapping, emailVerified: { column: 'proved', equals: true } },
    }),
  );
  await directory.setups[0]!.setup.install();
  const mover = openMover({ ...stage.deps, directory } as Parameters<typeof openMover>[0]);
  const engine = openBatchEngine({ ...stage.deps, directory, mover });
  const clock = { ms: Date.parse('2026-12-15T12:00:00Z') };
  const nowMs = () => clock.ms;
  const { db, batches, target } = stage;
  const rollout = openRollout({ db, targets: ['main'], nowMs });
  const passwords = new Map<string, PasswordStanding>();
  const gatherDeps = { db, rollout, directory, batches, nowMs };
  const deps: ReturningDeps = {
    ...{ db, keyring: stage.deps.keyring, directory, batches, connection: target },
    targets: stage.deps.targets,
    target: stage.deps.targets.byName('main')!,
    pseudonym: stage.deps.pseudonym,
    idpId: IDP,
    governor: openGovernor(),
    onError: (error) => void stage.errors.push(error),
    passwordOf: async ({ sub }) => passwords.get(sub) ?? 'unknown',
  };
  const found = (sub: string) => [...target.people.values()].filter(({ user }) => user.sub === sub);
  /** Whoever at the target is linked to them. */
  const linked = (sub: string) =>
    [...target.people.values()]
      .filter(({ found: { links } }) => links.some(({ userId }) => userId === sub))
      .map(({ found: { targetUserId } }) => targetUserId);
  const scopeOf = (phase: string, more: Partial<ReturnScope> = {}): ReturnScope => ({
    ...{ target: 'main', phases: [phase], segment: null, user: null },
    ...more,
  });
  return {
    ...stage,
    ...{ directory, rollout, clock, passwords, returning: deps, gatherDeps, found, linked, scopeOf },
    plan: (plan: object) =>
      db.transaction((tx) =>
        keepPlan(tx, {
          plan: planShape.parse({ name: 'move', target: 'main', ...plan }),
          ...{ source: '', actor: ACTOR },
        }),
      ),
    turn: (phase: string, to: PhaseState) =>
      turnPhase(db, { target: 'main', phase, to, cause: 'operator', actor: ACTOR, nowMs: nowMs() }),
    gather: (
      phase: string,
      { execute = true, perBatch = 1_000, signal = undefined as AbortSignal | undefined } = {},
    ) =>
      gather(gatherDeps, { target: 'main', phase, actor: ACTOR, pace: PACE, perBatch }, { execute, signal }),
    async run({ batches: filled }: Pick<Gathered, 'batches'>): Promise<void> {
      for (const { batch } of filled) {
        await batches.start(batch);
        await engine.run(batch, { signal: AbortSignal.timeout(15_000) });
      }
    },
    engine,
    /** As at a login: decided, and moved at once. */
    async movedAtLogin(sub: string): Promise<void> {
      const entry = (await directory.findBySub(sub))!;
      const decided = await rollout.decide('main', { person: entry.user, isThere: false });
      expect(decided).toMatchObject({ decision: 'migrate' });
      const { legacyId } = entry.user;
      const proof = { target: 'main', sub, legacyId, amr: ['pwd'], subject: stage.deps.pseudonym(sub) };
      await db.runParts(proveParts(proof), 'select 1');
      expect(await mover.move({ target: 'main', sub, road: 'login', actor: 'user' })).toMatchObject({
        kind: 'moved',
      });
    },
    back: (
      phase: string,
      { more = {}, given = deps, losePasswords = false, signal = AbortSignal.timeout(15_000) }: Back = {},
    ): Promise<ReturnTally> =>
      returnPeople(given, { scope: scopeOf(phase, more), actor: ACTOR, losePasswords }, { signal }),
    /** As the target has them: something was changed there. */
    change(sub: string, more: Partial<FoundUser>): void {
      const one = found(sub)[0]!;
      one.found = { ...one.found, ...more };
    },
    person: async (id: number) => (await stage.legacySql(`select * from people where id = ${id}`))[0]!,
    row: async (sub: string) =>
      (
        await stage.sql(
          'select attempt, back, back_detail as detail from rollout_assignments where sub = $1',
          [sub],
        )
      )[0] as { attempt: number; back: string | null; detail: Record<string, unknown> | null } | undefined,
    state: async (sub: string) =>
      (await stage.sql('select state from ledger where sub = $1', [sub]))[0]?.state as string | undefined,
    /** How many have which value. */
    counted: async (text: string) =>
      Object.fromEntries((await stage.sql(text)).map(({ name, n }) => [String(name), Number(n)])),
    close: async () => {
      await directory.close();
      await stage.close();
    },
  };
}

interface Back {
  readonly more?: Partial<ReturnScope>;
  readonly given?: ReturningDeps;
  readonly losePasswords?: boolean;
  readonly signal?: AbortSignal;
}
