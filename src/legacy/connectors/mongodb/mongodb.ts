/**
 * MongoDB through its own driver, which is installed apart. What people type is a text for the server and never an
 * operator: values go as typed BSON, compared with `$eq`. Only the server's own rights keep our user from writing.
 */
import type { Document as Raw } from 'mongodb';
import { FootbridgeError } from '../../../errors.ts';
import type { Connector, LegacyRow } from '../../connector.ts';
import { connectorKind, MAX_CANDIDATES } from '../../connector.ts';
import type { Document } from '../../documents.ts';
import { columnsOf, textsAt } from '../../documents.ts';
import { after as behind, idsWritten, rawValuesAt } from './ids.ts';
import type { MongodbSettings } from './mongodb-settings.ts';
import { mongodbSettings } from './mongodb-settings.ts';
import { plain } from './plain.ts';
import { relatedTo } from './related.ts';
import type { Opened } from './store.ts';
import { storeAt } from './store.ts';

/** A share of the caller's deadline is left for what comes around the query. */
const QUERY_SHARE = 0.8;

function openMongodb(settings: MongodbSettings, { timeoutMs }: { timeoutMs: number }): Connector {
  const limitMs = Math.round(timeoutMs * QUERY_SHARE);
  const { filter, flag, id: key, related } = settings;
  const store = storeAt(settings.url.reveal(), settings, limitMs);
  const writer = flag?.url ? storeAt(flag.url.reveal(), settings, limitMs) : store;
  const people = (condition: object) => ({ $and: [filter, condition] });
  const row = (raw: Raw): LegacyRow => {
    const document = plain(raw) as Document;
    return { id: textsAt(document, key)[0] ?? '', columns: columnsOf(document) };
  };
  const withId = async ({ users, driver }: Opened, id: string): Promise<readonly Raw[]> => {
    const found = users.find(people({ [key]: { $in: idsWritten(id, driver) } }), { maxTimeMS: limitMs });
    return (await found.limit(MAX_CANDIDATES + 1).toArray()).filter((raw) => row(raw).id === id);
  };
  /** The key behind an id; where its document has gone, what is written so. */
  const keyOf = async (opened: Opened, id: string): Promise<unknown> => {
    const [raw] = await withId(opened, id);
    return (raw && rawValuesAt(raw, key)[0]) ?? idsWritten(id, opened.driver).at(-1);
  };

  return {
    sparse: true,
    findByLogin: (login) =>
      store.use(async ({ users }) => {
        const condition = { $or: settings.login.map((field) => ({ [field]: { $eq: String(login) } })) };
        const { collation } = settings;
        const found = users.find(people(condition), {
          maxTimeMS: limitMs,
          ...(collation ? { collation } : {}),
        });
        return (await found.limit(MAX_CANDIDATES + 1).toArray()).map(row);
      }),
    findById: (id) => store.use(async (opened) => (await withId(opened, id)).map(row)),
    findByIds: (ids) =>
      store.use(async ({ users, driver }) => {
        const keys = ids.flatMap((id) => idsWritten(id, driver));
        return (await users.find(people({ [key]: { $in: keys } }), { maxTimeMS: limitMs }).toArray()).map(
          row,
        );
      }),
    ping: () =>
      store.use(async ({ users }) => {
        await users.findOne({}, { projection: { _id: 1 }, maxTimeMS: limitMs });
      }),
    close: async () => void (await Promise.all([...new Set([store, writer])].map((one) => one.close()))),
    page: (after, limit) =>
      store.use(async (opened) => {
        const from = after === '' ? {} : behind(key, await keyOf(opened, after));
        const found = opened.users
          .find(people(from), { maxTimeMS: limitMs })
          .sort({ [key]: 1 })
          .limit(limit);
        return (await found.toArray()).map(row);
      }),
    count: () =>
      store.use(({ users }) =>
        Object.keys(filter).length > 0
          ? users.countDocuments(filter, { maxTimeMS: limitMs })
          : users.estimatedDocumentCount({ maxTimeMS: limitMs }),
      ),
    ...(Object.keys(related).length > 0
      ? {
          related: (id: string) =>
            store.use(async (opened) => {
              const [user] = await withId(opened, id);
              return relatedTo(user, settings, opened, limitMs);
            }),
        }
      : {}),
    ...(flag
      ? {
          flag: (id: string, migrated: boolean) =>
            writer.use(async (opened) => {
              const [user, another] = await withId(opened, id);
              if (!user) throw new FootbridgeError('user_not_found');
              if (another)
                throw new FootbridgeError('user_ambiguous', { detail: 'two documents have one id' });
              const { matchedCount } = await opened.users.updateOne(
                { _id: user._id },
                { $set: { [flag.field]: migrated } },
                { maxTimeMS: limitMs },
              );
              if (matchedCount === 0) throw new FootbridgeError('user_not_found');
            }),
        }
      : {}),
  };
}

export const mongodb = connectorKind({
  settings: mongodbSettings,
  open: openMongodb,
  fromUrl: (url) => ({ url }),
  relatedNames: ({ related }) => Object.keys(related),
  loginColumns: ({ login }) => login,
});
