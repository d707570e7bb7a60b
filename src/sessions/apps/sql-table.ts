/** Finds and makes the legacy app's sessions in the table of a database that its framework keeps them in. */
import { z } from 'zod';
import { databaseSettings } from '../../legacy/connectors/sql/sql-settings.ts';
import type { LegacyApp, LegacyAppKind } from '../legacy-app.ts';
import { commonSettings, optionalKeys } from '../legacy-app.ts';
import { openStoredApp, writes } from '../stored/stored-app.ts';
import { openFormat, storedSettings } from '../stored/stored-settings.ts';
import { layoutIn, tableSettings } from '../stored/table-layout.ts';
import { openTableStore } from '../stored/table-store.ts';
import { timeZone } from '../stored/time-zone.ts';

const settings = z
  .strictObject({
    kind: z.literal('sql-table').describe('We find and make its sessions in its database.'),
    ...commonSettings,
    ...optionalKeys,
    database: databaseSettings,
    table: tableSettings,
    ...storedSettings,
  })
  .superRefine(({ table, framework, idleSeconds }, context) => {
    const layout = layoutIn(table, framework);
    if (typeof layout === 'string') {
      const message = `${framework.format} has no table of its own: say here what this column is called`;
      context.addIssue({ code: 'custom', path: ['table', layout], message });
      return;
    }
    if (layout.time?.means === 'last-used' && idleSeconds === undefined) {
      const message = 'the table only says when a session was used: how long is one good after it?';
      context.addIssue({ code: 'custom', path: ['idleSeconds'], message });
    }
  });

export const sqlTable: LegacyAppKind<typeof settings> = {
  settings,
  open(app, deps): LegacyApp {
    const layout = layoutIn(app.table, app.framework);
    if (typeof layout === 'string') throw new Error(`table.${layout} is missing`);
    const { database, timeoutMs, idleSeconds, table } = app;
    const options = {
      timeoutMs,
      writable: writes(app),
      ...(idleSeconds === undefined ? {} : { idleSeconds }),
      ...(table.timeZone === undefined ? {} : { zone: timeZone(table.timeZone) }),
    };
    const store = openTableStore(database, layout, options);
    return openStoredApp(app, openFormat(app.framework), { store, deps });
  },
};
