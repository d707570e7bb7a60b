/** The dialects’ classes, which knex does not declare: its version is pinned in package.json. */
declare module 'knex/lib/dialects/*/index.js' {
  import type { Knex } from 'knex';

  interface Query {
    readonly sql: string;
    readonly bindings?: readonly unknown[];
    readonly options?: object;
    response?: unknown;
  }
  export default class Dialect extends Knex.Client {
    readonly connectionSettings: Record<string, unknown>;
    _driver(): unknown;
    _query(connection: unknown, query: Query): Promise<Query>;
    destroyRawConnection(connection: unknown): Promise<unknown>;
  }
}
