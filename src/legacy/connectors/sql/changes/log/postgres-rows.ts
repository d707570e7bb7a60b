/** Whom a row of PostgreSQL's log is about. */
import type { Pgoutput } from 'pg-logical-replication';
import type { LegacyChange } from '../../../../feed.ts';
import { textOf } from '../../../../values.ts';
import type { Sink } from './log-source.ts';
import { feedLost, unfit } from './log-source.ts';
import type { Watched } from './postgres-state.ts';

type Tuple = Readonly<Record<string, unknown>> | null;

/** Takes a transaction's messages in their order. */
export function rowTeller(
  tables: ReadonlyMap<number, Watched>,
  sink: Sink,
  fail: (error: unknown) => void,
): (message: Pgoutput.Message) => void {
  let transaction = '';
  let at: Date | undefined;

  const tell = (watched: Watched | undefined, old: Tuple, now: Tuple) => {
    if (!watched) return;
    const [before, after] = [old, now].map((tuple) => idIn(tuple, watched));
    const changed = (legacyId: string, kind: LegacyChange['kind']) =>
      sink.changed({ transaction, legacyId, kind, ...(at ? { at } : {}) });
    if (before !== undefined && before !== after) changed(before, watched.isUsers ? 'deleted' : 'changed');
    if (after !== undefined) changed(after, 'changed');
  };
  return (message) => {
    switch (message.tag) {
      case 'begin':
        transaction = message.commitLsn ?? '';
        at = new Date(Number(BigInt(message.commitTime as bigint) / 1_000n));
        break;
      case 'relation': {
        const watched = tables.get(message.relationOid);
        if (watched && !message.columns.some(({ name }) => name === watched.user))
          fail(unfit(`the log has no column ${watched.user} of ${watched.table}`));
        else blind(message, watched);
        break;
      }
      case 'insert':
        tell(tables.get(message.relation.relationOid), null, message.new);
        break;
      case 'update':
        tell(tables.get(message.relation.relationOid), message.old ?? message.key, message.new);
        break;
      case 'delete':
        tell(tables.get(message.relation.relationOid), message.old ?? message.key, null);
        break;
      case 'truncate': {
        const emptied = message.relations.flatMap((relation) => tables.get(relation?.relationOid) ?? []);
        if (emptied.length > 0) fail(feedLost(`${emptied[0]!.table} was truncated`));
        break;
      }
    }
  };
}

/** What else is in the row is nobody's business here: it is dropped where it is parsed. */
function blind({ columns }: Pgoutput.MessageRelation, watched: Watched | undefined): void {
  for (const column of columns) if (column.name !== watched?.user) column.parser = () => undefined;
}

function idIn(tuple: Tuple, { user }: Watched): string | undefined {
  const text = textOf(tuple?.[user]);
  return text === '' ? undefined : text;
}
