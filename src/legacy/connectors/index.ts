/** Every way into a legacy store, by its key in the settings. */
import { exportFile } from './export-file/export-file.ts';
import { http } from './http/http.ts';
import { ldap } from './ldap/ldap.ts';
import { mongodb } from './mongodb/mongodb.ts';
import { sql } from './sql/sql.ts';

export const CONNECTORS = { sql, exportFile, ldap, http, mongodb };
