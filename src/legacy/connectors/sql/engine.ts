/** What differs between database engines. */
import type { Knex } from 'knex';
import type { Secret } from '../../../settings.ts';
import type { Row } from '../../connector.ts';
import type { DatabaseSettings } from './sql-settings.ts';

export interface Access {
  readonly writable: boolean;
  /** For one statement. */
  readonly limitMs: number;
  /** For one connection to come up. */
  readonly connectMs: number;
  /** Moments of columns that keep none of the zone are read and written as UTC, whatever the server's own zone is. */
  readonly isUtc?: boolean;
}

export interface Engine {
  /** Loads the driver. */
  config(settings: DatabaseSettings, access: Access): Promise<Knex.Config>;
  /** The cheapest question, where it is not `select 1`. */
  readonly ping?: string;
  rows(result: unknown): readonly Row[];
  changed(result: unknown): number;
  /** The store cannot compare this value at all, say a word with a number: nobody has it. */
  isIncomparable(error: Failure): boolean;
  /** Another row has a value that only one may have. */
  isTaken(error: Failure): boolean;
  /** A column or a rule of its table does not take a value that was to be written. */
  isUnfit(error: Failure): boolean;
  /** A mistake in table, column or rights: its message names them and carries no value. */
  isMistake(error: Failure): boolean;
}

/** What drivers put on the errors they throw. */
export interface Failure {
  readonly code?: string | number;
  readonly errno?: number;
  readonly errcode?: number;
  readonly number?: number;
  readonly errorNum?: number;
  readonly name?: string;
  readonly message?: string;
}

export type ServerSettings = Extract<DatabaseSettings, { connection: unknown }>['connection'];

/** The parts of a connection under the names both drivers share. */
export function partsOf(connection: Exclude<ServerSettings, Secret>) {
  const { host, port, user, password, database, tls } = connection;
  return {
    host,
    user,
    database,
    ...(port === undefined ? {} : { port }),
    ...(password ? { password: password.reveal() } : {}),
    ...(tls === false
      ? {}
      : {
          ssl:
            tls === true ? { rejectUnauthorized: true } : { rejectUnauthorized: true, ca: tls.ca.reveal() },
        }),
  };
}
