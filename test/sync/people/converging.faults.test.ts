/**
 * People whose two sides are edited while everything goes wrong that can: webhooks lost, doubled, late and out of order, answers
 * lost, either side away, nodes killed between any two calls, and two of them at it at once. Three hundred in short, ten thousand
 * with `FOOTBRIDGE_LONG=1`; `FOOTBRIDGE_SEED` has another run.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { move, proveParts } from '../../../src/migration/ledger.ts';
import { Secret } from '../../../src/settings.ts';
import { openAuditLog } from '../../../src/store/audit-log.ts';
import type { Db } from '../../../src/store/db.ts';
import { openDb, statement } from '../../../src/store/db.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import { setPair } from '../../../src/sync/pairs.ts';
import { decideConflict, listConflicts } from '../../../src/sync/people/conflicts.ts';
import type { TurnsDeps } from '../../../src/sync/people/turns.ts';
import type { Change, ChangeQueue } from '../../../src/sync/queue/change-queue.ts';
import { openPostgresQueue } from '../../../src/sync/queue/postgres-queue.ts';
import { sweepRound } from '../../../src/sync/sweeping.ts';
import { pairSettings } from '../../../src/sync/sync-settings.ts';
import { openSyncing } from '../../../src/sync/syncing.ts';
import { openTargets } from '../../../src/targets/index.ts';
import { targetSettings } from '../../../src/targets/target-settings.ts';
import { tellFault } from '../../support/fault-row.ts';
import type { TestDatabase } from '../../support/postgres.ts';
import { testDatabase } from '../../support/postgres.ts';
import type { Edited, Faults, Node, SideName } from './world.ts';
import {
  connectionOver,
  directoryOver,
  drawing,
  EDITED,
  idOf,
  Killed,
  killableDb,
  put,
  sideStore,
} from './world.ts';

const SEED = Number(process.env.FOOTBRIDGE_SEED ?? 20_261_122);
const [WORLDS, PEOPLE] = process.env.FOOTBRIDGE_LONG ? [40, 250] : [4, 75];
const ROUNDS = 6;

const RULES = ['legacy', 'target', 'last-writer', 'ask'] as const;
type Rule = (typeof RULES)[number];

let database: TestDatabase;
let db: Db;
const keyring = openKeyring(new Secret(Buffer.alloc(32, 7).toString('base64')));
beforeAll(async () => {
  database = await testDatabase();
  db = openDb({ url: database.url });
});
afterAll(async () => {
  await db.close();
  await database.drop();
});

interface Edit {
  readonly side: SideName;
  readonly sub: string;
  readonly field: Edited;
  readonly value: string;
  readonly atMs: number;
  /** Nobody will ever be told of it. */
  readonly isUntold: boolean;
}

async function openWorld(
  seed: number,
  { rule, isBulk, run = 1 }: { readonly rule: Rule; readonly isBulk: boolean; readonly run?: number },
) {
  const draw = drawing(seed);
  const pick = <T>(some: readonly T[]): T => some[Math.floor(draw() * some.length)]!;
  const name = `target-${seed}-${run}`;
  const [target] = openTargets(
    targetSettings.parse([
      { name, kind: 'generic', displayName: 'T', loginUrl: 'https://target.example/login' },
    ]),
  ).all;
  const sides = { legacy: sideStore(), target: sideStore() };
  const clock = { nowMs: 1_790_000_000_000 };
  const changedAt = new Map<string, number>();
  const audit = openAuditLog({ db, keyring });
  const pair = pairSettings.parse({
    target: name,
    fields: Object.fromEntries(
      ['email', 'givenName', 'familyName', 'nickname', 'displayName', 'phone', 'state'].map((field) => [
        field,
        rule,
      ]),
    ),
    clock: { toleranceSeconds: 0, tie: 'legacy' },
    batch: 50,
    atOnce: 1,
  });
  const subs = Array.from({ length: PEOPLE }, (_, index) => `shop:${seed}-${String(index).padStart(4, '0')}`);
  for (const sub of subs) {
    const record = {
      email: `${sub.slice(5)}@example.com`,
      email_verified: 'true',
      givenName: `G ${sub}`,
      familyName: `F ${sub}`,
      nickname: '',
      displayName: `D ${sub}`,
      phone: '',
      state: 'active',
    };
    for (const side of [sides.legacy, sides.target]) side.people.set(sub, { ...record });
  }
  await Promise.all(
    subs.map(async (sub) => {
      const common = { target: name, sub, subject: audit.pseudonym(sub) };
      await db.runParts(proveParts({ ...common, legacyId: sub, amr: [] }), 'select 1');
      await move(db, { ...common, event: 'create', actor: 'user', targetUserId: idOf(sub) });
    }),
  );

  const edits: Edit[] = [];
  const inFlight: { readonly dueMs: number; readonly change: Change }[] = [];
  const queue = openPostgresQueue(db);
  let events = 0;
  const webhooks = { told: 0, lost: 0, doubled: 0 };
  /** False: it gets lost. */
  const tell = (side: SideName, sub: string): boolean => {
    events += 1;
    const at = new Date(clock.nowMs).toISOString();
    const change: Change = {
      source: side,
      id: `e${events}`,
      target: name,
      person: sub,
      lane: 'live',
      hint: side === 'legacy' ? { legacyAt: at } : { targetAt: at, othersAt: at },
    };
    webhooks.told += 1;
    if (draw() < 0.15) {
      webhooks.lost += 1;
      return false;
    }
    const late = () => clock.nowMs + Math.floor(draw() * 4_000);
    inFlight.push({ dueMs: late(), change });
    if (draw() < 0.15) {
      webhooks.doubled += 1;
      inFlight.push({ dueMs: late(), change });
    }
    return true;
  };
  const edit = (sub: string) => {
    const side: SideName = draw() < 0.5 ? 'legacy' : 'target';
    const field = pick(EDITED);
    clock.nowMs += 1 + Math.floor(draw() * 50);
    const store = sides[side];
    const before = store.people.get(sub)!;
    const n = edits.length;
    const value =
      field === 'state'
        ? before.state === 'active'
          ? 'disabled'
          : 'active'
        : field === 'phone'
          ? `+4930${1_000_000 + n}`
          : field === 'email'
            ? `${side}${n}-${seed}@example.com`
            : `${side} ${n}`;
    put(store, sub, field, value);
    if (side === 'legacy') changedAt.set(sub, clock.nowMs);
    const isUntold = !tell(side, sub);
    edits.push({ side, sub, field, value, atMs: clock.nowMs, isUntold });
  };

  const errors: unknown[] = [];
  let depth = 0;
  const faults: Faults = {
    draw,
    kill: 0.004,
    lose: 0.02,
    meanwhile: 0.03,
    onMeanwhile: async () => {
      if (depth > 0) return;
      depth += 1;
      try {
        edit(pick(subs));
        if (draw() < 0.1) await round(openNode(faults));
      } finally {
        depth -= 1;
      }
    },
  };
  const calm: Faults = { ...faults, kill: 0, lose: 0, meanwhile: 0 };

  function openNode(own: Faults) {
    const node: Node = { isDead: false };
    const nodeDb = killableDb(db, node, own);
    const deps: TurnsDeps = {
      db: nodeDb,
      keyring,
      directory: directoryOver(sides.legacy, node, own, (sub) => changedAt.get(sub)),
      target: target!,
      connection: connectionOver(sides.target, node, own, { isBulk }),
      pair,
      nowMs: () => clock.nowMs,
      targets: { connection: () => undefined },
      pseudonym: audit.pseudonym,
      password: async () => ({ kind: 'equal' }),
    };
    const killable = openPostgresQueue(nodeDb);
    // Who waits, waits until the test says that time has passed, however slow the machine is.
    const waiting: ChangeQueue = {
      ...killable,
      settle: (all) =>
        killable.settle(all.map((one) => (one.result === 'later' ? { ...one, seconds: 3_600 } : one))),
    };
    const syncing = openSyncing({
      db: nodeDb,
      queue: waiting,
      pairs: new Map([[name, deps]]),
      onStranger: async (turn) => ({ turn, result: 'done' }),
      onError: (error) => void errors.push(error),
    });
    return { syncing, deps, queue: waiting };
  }
  async function round({ syncing }: ReturnType<typeof openNode>): Promise<void> {
    try {
      await syncing.round();
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }
  const deliver = async (all = false) => {
    const due = inFlight.filter(({ dueMs }) => all || dueMs <= clock.nowMs);
    for (const one of due) inFlight.splice(inFlight.indexOf(one), 1);
    if (due.length > 0) await queue.put(due.map(({ change }) => change));
  };
  const timePasses = async () => {
    await db.run(
      statement(
        `update sync_turns set leased_until = now() - interval '1 second' where target = $1 and lease is not null`,
      ),
      [name],
    );
    await db.run(
      statement(`update sync_turns set due_at = now() where target = $1 and due_at < 'infinity'`),
      [name],
    );
  };
  const sweep = async () => {
    await db.run(
      statement(
        `update sync_pairs set sweep_due_at = now(), sweep = '{}', leased_until = null where target = $1`,
      ),
      [name],
    );
    clock.nowMs += 4_000_000;
    const { deps } = openNode(calm);
    const sweeping = {
      ...deps,
      queue,
      hasBegun: async () => true,
      onError: (error: unknown) => void errors.push(error),
    };
    while (await sweepRound(sweeping));
  };
  const settle = async () => {
    for (let turns = 0; turns < 5; turns += 1) {
      await timePasses();
      await round(openNode(calm));
    }
  };
  return {
    name,
    draw,
    pick,
    subs,
    sides,
    edits,
    errors,
    webhooks,
    clock,
    edit,
    faults,
    calm,
    openNode,
    round,
    deliver,
    timePasses,
    sweep,
    settle,
    conflicts: () => listConflicts(db, keyring, { target: name, onlyOpen: false, limit: 100_000 }),
  };
}

type World = Awaited<ReturnType<typeof openWorld>>;

async function goThrough(world: World): Promise<void> {
  const { draw, pick, subs, sides, clock, faults } = world;
  for (let round = 0; round < ROUNDS; round += 1) {
    sides.legacy.isDown = draw() < 0.15;
    sides.target.isDown = draw() < 0.15;
    for (let edits = 0; edits < PEOPLE / 4; edits += 1) world.edit(pick(subs));
    clock.nowMs += 1_000;
    await world.deliver();
    await world.round(world.openNode(faults));
    if (draw() < 0.5) await world.timePasses();
  }
  Object.assign(sides.legacy, { isDown: false });
  Object.assign(sides.target, { isDown: false });
  await world.deliver(true);
}

/** What a person of ours would see: fields that differ. */
const differences = ({ subs, sides }: World) =>
  subs.flatMap((sub) =>
    EDITED.filter(
      (field) => sides.legacy.people.get(sub)![field] !== sides.target.people.get(sub)![field],
    ).map(
      (field) =>
        `${sub} ${field}: ${sides.legacy.people.get(sub)![field]} | ${sides.target.people.get(sub)![field]}`,
    ),
  );

/** Of all worlds, for the table. */
const seen = { edits: 0, writes: 0, told: 0, lost: 0, doubled: 0, unequal: 0 };
function note({ edits, sides, webhooks }: World, unequal: number): void {
  seen.edits += edits.length;
  seen.writes += sides.legacy.writes + sides.target.writes;
  seen.told += webhooks.told;
  seen.lost += webhooks.lost;
  seen.doubled += webhooks.doubled;
  seen.unequal += unequal;
}

describe.each(Array.from({ length: WORLDS }, (_, world) => world))(
  `world %i (FOOTBRIDGE_SEED=${SEED})`,
  (world) => {
    const rule = RULES[world % RULES.length]!;
    const isBulk = (world + Math.floor(world / RULES.length)) % 2 === 0;
    test(`${PEOPLE} people converge where the rule is ${rule}${isBulk ? ', in bulk' : ''}`, {
      timeout: 300_000,
    }, async () => {
      const own = await openWorld(SEED + world, { rule, isBulk });
      await setPair(db, { target: own.name, state: 'aligning', actor: 'test' });
      await own.sweep();
      await own.settle();
      const begun = { legacy: own.sides.legacy.writes, target: own.sides.target.writes };
      expect(begun).toEqual({ legacy: 0, target: 0 });

      await goThrough(own);
      await own.settle();
      const unequal = new Set(differences(own).map((line) => line.split(' ')[0])).size;
      await own.sweep();
      await own.settle();
      if (rule === 'ask') {
        const open = (await own.conflicts()).filter(({ decided }) => decided === null);
        for (const { id, sub } of open) {
          await decideConflict(db, id, own.draw() < 0.5 ? 'legacy' : 'target');
          await own
            .openNode(own.calm)
            .queue.put([{ source: 'operator', id, target: own.name, person: sub, lane: 'live', hint: {} }]);
        }
        await own.settle();
      }
      expect(own.errors.filter((error) => !(error instanceof Killed))).toEqual([]);
      expect(differences(own)).toEqual([]);
      const [left] = await db.run<{ left: number }>(
        statement('select count(*)::int as left from sync_turns where target = $1'),
        [own.name],
      );
      expect(left?.left).toBe(0);
      const writes = own.sides.legacy.writes + own.sides.target.writes;
      expect(writes).toBeLessThanOrEqual(2 * own.edits.length);
      expect(await lostOf(own, rule)).toEqual([]);

      // Equal sides stay as they are, however often they are looked at.
      await own.sweep();
      await own.settle();
      expect(own.sides.legacy.writes + own.sides.target.writes).toBe(writes);
      note(own, rule === 'ask' ? 0 : unequal);
      if (world === WORLDS - 1) tellSeen();
    });
  },
);

function tellSeen(): void {
  const people = (WORLDS * PEOPLE).toLocaleString('en');
  const common = { lost: 0, doubled: 0, unexplained5xx: 0 };
  tellFault({
    ...{ id: 'R22', ...common },
    fault: 'both sides edited within the same seconds, by four rules, while answers get lost and nodes die',
    load: `${people} people, ${seen.edits} edits in random order`,
    recovery: `both sides are equal, with ${(seen.writes / seen.edits).toFixed(2)} writes of ours per edit; nothing is written when all is equal`,
  });
  tellFault({
    ...{ id: 'R24', ...common },
    fault: 'webhooks doubled, late, out of order and missing',
    load: `${seen.told} for ${people} people: ${seen.doubled} twice, ${seen.lost} never`,
    recovery: `all equal; ${seen.unequal} people, of whom nothing came, by the next reading of both sides`,
  });
}

/** Edits whose value nobody can find any more: neither at the other side, nor replaced where it was made, nor on record. */
async function lostOf(own: World, rule: Rule): Promise<readonly string[]> {
  const conflicts = await own.conflicts();
  const recorded = new Set(
    conflicts.flatMap(({ sub, field, values }) =>
      values ? [`${sub} ${field} ${values.legacy}`, `${sub} ${field} ${values.target}`] : [],
    ),
  );
  const unseen = new Set(conflicts.filter(({ kind }) => kind === 'unseen').map(({ sub }) => sub));
  return own.edits.flatMap((edit, index) => {
    const { side, sub, field, value } = edit;
    const other = side === 'legacy' ? 'target' : 'legacy';
    if (rule === other) return [];
    const isThere = own.sides[other].history.get(`${sub} ${field}`)?.has(value);
    const isReplaced = own.edits
      .slice(index + 1)
      .some((later) => later.side === side && later.sub === sub && later.field === field);
    // What is changed at a target between our reading and our writing, and told to nobody, nobody can know of.
    const isBlind = edit.isUntold && own.sides[side].blind.has(`${sub} ${field} ${value}`);
    const isKnown = isBlind || recorded.has(`${sub} ${field} ${value}`) || unseen.has(sub);
    return isThere || isReplaced || isKnown || field === 'state' ? [] : [`${side} ${sub} ${field} ${value}`];
  });
}

test('the same seed has the same end, on a fast machine and on a slow one', {
  timeout: 300_000,
}, async () => {
  const ends = [];
  for (const run of [2, 3]) {
    const own = await openWorld(SEED, { rule: 'last-writer', isBulk: true, run });
    await setPair(db, { target: own.name, state: 'aligning', actor: 'test' });
    await own.sweep();
    await own.settle();
    await goThrough(own);
    await own.settle();
    const { legacy, target } = own.sides;
    ends.push({
      edits: own.edits,
      legacy: [[...legacy.people], legacy.writes],
      target: [[...target.people], target.writes],
    });
  }
  expect(ends[0]).toEqual(ends[1]);
});
