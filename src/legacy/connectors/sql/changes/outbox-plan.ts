/** What triggers are to be made, in words that all engines share, and what each of them makes of it. */
import type { SetupCheck, SetupStep } from '../setup-piece.ts';
import { digestOf, nameBeside } from './names.ts';

/** A table that is watched. */
export interface Watched {
  readonly table: string;
  /** The column with the user's id. */
  readonly user: string;
  /** Only changes of these count; undefined: any. */
  readonly columns: readonly string[] | undefined;
  /** The table of users itself: its rows are people, whose id may change and who may be deleted. */
  readonly isUsers: boolean;
}

export interface OutboxPlan {
  readonly table: string;
  readonly watched: readonly Watched[];
}

/** What became of a user; `lost`: of more users than can be said, all have to be compared anew. */
export const KINDS = { changed: 'changed', deleted: 'deleted', lost: 'lost' } as const;
/** Users' ids are cut after so many characters; none that is longer can be a subject. */
export const MAX_ID_LENGTH = 255;

/** Something that has to be there, in one definition or another. */
export interface Made {
  /** Gives a row where it is there as it is wanted. */
  readonly isThere: string;
  readonly drop: readonly string[];
  readonly create: readonly string[];
}

export interface OutboxEngine {
  /** The table, and what it needs. */
  readonly table: {
    readonly isThere: string;
    readonly create: readonly SetupStep[];
    readonly drop: readonly string[];
  };
  /** Says that something was not heard. */
  readonly lost: string;
  readonly triggers: readonly (Made & { readonly on: string })[];
  /** Before all else: how long it waits for a table that others use. */
  readonly patience: readonly string[];
  /** What the role of `setup` needs, and that of `connection`. */
  readonly rights: { readonly setup: string; readonly reader: string };
}

/** Names a trigger, and what is in it: another definition is another digest. */
export function named(plan: OutboxPlan, { table, user, columns, isUsers }: Watched, event: string) {
  const digest = digestOf(JSON.stringify([DEFINITION, plan.table, table, user, columns ?? null, isUsers]));
  return { name: nameBeside(table, plan.table, table, event), mark: `footbridge:${digest}` };
}
/** Raised when what the triggers do is changed here. */
const DEFINITION = 1;

/** In order; where a trigger is not as it should be, but the table is there, something may not have been heard. */
export function installing({ table, triggers, patience, lost }: OutboxEngine): readonly SetupStep[] {
  const allThere = triggers.map(({ isThere }) => `exists (${isThere})`).join(' and ');
  const isNew = `not exists (${table.isThere})`;
  return [
    ...patience,
    { sql: lost, unless: `select 1 as one from (select 1 as one) one_row where ${isNew} or (${allThere})` },
    ...table.create,
    ...triggers.flatMap(({ isThere, drop, create }) =>
      [...drop, ...create].map((sql) => ({ sql, unless: isThere })),
    ),
  ];
}

export const removing = ({ table, triggers, patience }: OutboxEngine): readonly SetupStep[] => [
  ...patience,
  ...triggers.flatMap(({ drop }) => drop),
  ...table.drop,
];

export function checking(
  { table, triggers, rights }: OutboxEngine,
  { quoted, connection }: { quoted: string; connection: unknown },
): readonly SetupCheck[] {
  const reads = `${rights.reader} Or the table is not there: run \`footbridge sync install\`.`;
  return [
    {
      sql: `delete from ${quoted} where 1 = 0`,
      expect: 'runs',
      problem: `The role that reads ${quoted} may not delete from it. ${reads}`,
      connection,
    },
    {
      sql: table.isThere,
      expect: 'row',
      problem: `${quoted} is not there: run \`footbridge sync install\`.`,
    },
    ...triggers.map(({ isThere, on }) => ({
      sql: isThere,
      expect: 'row' as const,
      problem: `A trigger on ${on} is missing, disabled, of other settings, or not visible to this role: run \`footbridge sync install\`.`,
    })),
  ];
}
