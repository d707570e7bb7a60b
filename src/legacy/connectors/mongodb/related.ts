/** What a user has several of: lists inside their document, and documents of other collections. */
import type { Document as Raw } from 'mongodb';
import type { Related, Row } from '../../connector.ts';
import { MAX_RELATED_ROWS } from '../../connector.ts';
import type { Document } from '../../documents.ts';
import { columnsOf, rowsAt } from '../../documents.ts';
import { idsWritten, rawValuesAt, textOfId } from './ids.ts';
import type { MongodbSettings } from './mongodb-settings.ts';
import { plain } from './plain.ts';
import type { Opened } from './store.ts';

type Named = MongodbSettings['related'][string];

/** `user`: as the driver gives it, so that keys keep their types; undefined where there is nobody. */
export async function relatedTo(
  user: Raw | undefined,
  settings: MongodbSettings,
  opened: Opened,
  limitMs: number,
): Promise<Related> {
  const read = async (named: Named): Promise<readonly Row[]> => {
    if (!user) return [];
    if ('path' in named) return rowsAt(plain(user) as Document, named.path);
    const { collection, by, key } = named;
    const keys = rawValuesAt(user, key ?? settings.id);
    // An id may be written as text where it is an ObjectId at home.
    const wanted = key ? keys : keys.flatMap((one) => [one, ...idsWritten(textOfId(one), opened.driver)]);
    const found = opened.db
      .collection(collection)
      .find({ [by]: { $in: wanted } })
      .limit(MAX_RELATED_ROWS + 1)
      .maxTimeMS(limitMs);
    return (await found.toArray()).map((one) => columnsOf(plain(one) as Document));
  };
  const named = Object.entries(settings.related).map(async ([name, one]) => [name, await read(one)] as const);
  return Object.fromEntries(await Promise.all(named));
}
