/** Every way into a legacy store, by its key in the settings. */
import { sql } from './sql/sql.ts';

export const CONNECTORS = { sql };
