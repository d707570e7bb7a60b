/** What has to be at a database for its changes to be told, and for the marks of what sync writes. */
import { FootbridgeError } from '../../../../errors.ts';
import type { StoreSetup } from '../../../feed.ts';
import { marksPiece } from '../apply-marks.ts';
import type { Engine, Failure } from '../engine.ts';
import type { Pool } from '../pool.ts';
import { codeOf, openPool } from '../pool.ts';
import type { SetupCheck, SetupPiece, SetupStep } from '../setup-piece.ts';
import type { SqlSettings } from '../sql-settings.ts';
import { withConnection } from '../writer.ts';
import { logPiece } from './log.ts';
import { outboxPiece } from './outbox.ts';

/** For all of a piece: a slot waits for the transactions that are open. */
const LIMIT_MS = 30_000;
const CONNECT_MS = 10_000;
/** These engines keep each statement that makes something by itself. */
const ALONE: readonly SqlSettings['engine'][] = ['mysql', 'oracle'];

/** Undefined where nothing has to be made. */
export function openSetup(settings: SqlSettings): StoreSetup | undefined {
  const pieces = piecesOf(settings);
  if (pieces.length === 0) return undefined;
  const each = async (steps: 'install' | 'remove') => {
    for (const piece of pieces)
      await at(settings, piece.connection, (pool) => runAll(pool, { settings, piece, steps: piece[steps] }));
  };
  return {
    plan: () => pieces.flatMap(({ install }) => install.map((step) => sqlOf(step))),
    install: () => each('install'),
    remove: () => each('remove'),
    async check() {
      const problems: string[] = [];
      for (const piece of pieces)
        for (const check of piece.check) {
          const connection = check.connection === undefined ? piece.connection : check.connection;
          const problem = await at(settings, connection, (pool) => problemOf(pool, check));
          if (problem !== undefined) problems.push(problem);
        }
      return problems;
    },
  };
}

function piecesOf(settings: SqlSettings): readonly SetupPiece[] {
  const { changes } = settings;
  const ofChanges =
    changes?.by === 'outbox'
      ? outboxPiece(settings, changes)
      : changes?.by === 'log'
        ? logPiece(settings, changes)
        : undefined;
  return [ofChanges, marksPiece(settings)].filter((piece) => piece !== undefined);
}

const sqlOf = (step: SetupStep): string => (typeof step === 'string' ? step : step.sql);

async function at<Result>(
  settings: SqlSettings,
  connection: unknown,
  work: (pool: Pool) => Promise<Result>,
): Promise<Result> {
  const place = { ...withConnection(settings, connection ?? undefined), poolSize: 1 };
  const pool = openPool(place, { writable: true, limitMs: LIMIT_MS, connectMs: CONNECT_MS });
  try {
    return await work(pool);
  } finally {
    await pool.close();
  }
}

interface Run {
  readonly settings: SqlSettings;
  readonly piece: SetupPiece;
  readonly steps: readonly SetupStep[];
}

async function runAll(pool: Pool, { settings, piece, steps }: Run): Promise<void> {
  const isAlone = piece.isApart || ALONE.includes(settings.engine);
  const groups = isAlone ? steps.map((step) => [step]) : [steps];
  for (const group of groups)
    await pool.transact(
      async (db, run, engine) => {
        for (const step of group) {
          const isDone = typeof step !== 'string' && engine.rows(await run(db.raw(step.unless))).length > 0;
          if (!isDone) await run(db.raw(sqlOf(step)));
        }
      },
      (failure, engine) => (isRefusal(failure, engine) ? refusal(piece, settings, failure) : undefined),
    );
}

/** What is missing; undefined: nothing. Throws legacy_unavailable. */
const problemOf = (pool: Pool, { sql, expect, problem }: SetupCheck): Promise<string | undefined> =>
  pool
    .transact(
      async (db, run, engine) => {
        const rows = engine.rows(await run(db.raw(sql)));
        return expect === 'runs' || rows.length > 0 ? undefined : problem;
      },
      (failure, engine) =>
        isRefusal(failure, engine)
          ? new FootbridgeError('config_invalid', { detail: messageOf(failure) })
          : undefined,
    )
    .catch((error: unknown) => {
      if (error instanceof FootbridgeError && error.code === 'config_invalid')
        return `${problem} (${error.detail})`;
      throw error;
    });

/** MySQL: SUPER is needed (of two kinds), a trigger more than this old server has; SQL Server: rights, and what is there under this name. */
const REFUSED = new Set([1227, 1419, 1235, 262, 297, 300, 334, 1088, 2714, 2760, 3701, 4902, 15151, 15247]);

const isRefusal = (failure: Failure, engine: Engine) =>
  engine.isMistake(failure) || REFUSED.has(failure.errno ?? failure.number ?? 0);

/** knex writes `<statement> - <message>`; there are names in it and no value. */
const messageOf = ({ message = '' }: Failure) => message.split(' - ').at(-1)?.slice(0, 200) ?? '';

const refusal = ({ name, rights }: SetupPiece, { engine }: SqlSettings, failure: Failure) =>
  new FootbridgeError('config_invalid', {
    detail: `${name}: ${engine} ${codeOf(failure)}: ${messageOf(failure)}. ${rights}`,
  });
