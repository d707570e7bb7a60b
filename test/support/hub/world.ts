/** What all of the hub's routes share. */
import type { HubApp } from './apps.ts';
import type { Bearer, Directory } from './directory.ts';
import type { Loom } from './loom.ts';
import type { Tokens } from './tokens.ts';

export interface HubWorld {
  readonly directory: Directory;
  readonly apps: Map<string, HubApp>;
  readonly tokens: Tokens;
  readonly loom: Loom;
  readonly options: {
    /** Of `expires_in`: the documentation shows both. */
    expiresIn: 'seconds' | 'date';
    /** The documentation shows an error's redirect without `state`. */
    errorsWithoutState: boolean;
    /** Members of an organization come so many at once; all of them by default, as documented. */
    membersPerPage: number;
  };
  readonly url: () => string;
  readonly now: () => Date;
  /** Event to all apps that are connected to the subject. */
  tell(name: string, bearer: Bearer, payload?: object): void;
  connect(app: HubApp, bearer: Bearer, scopes: readonly string[]): void;
  disconnect(app: HubApp, bearer: Bearer): void;
}

export function connectionsOf(
  directory: Directory,
  apps: ReadonlyMap<string, HubApp>,
  { loom, tokens }: { readonly loom: Loom; readonly tokens: Tokens },
): Pick<HubWorld, 'tell' | 'connect' | 'disconnect'> {
  const connected = (bearer: Bearer) =>
    [...apps.values()].filter((app) => directory.connection(app.clientId, bearer));
  const payloadOf = ({ type, id }: Bearer) => ({ connectable_type: type, connectable_id: id });
  return {
    tell(name, bearer, payload) {
      loom.tell(name, bearer, { apps: connected(bearer), ...(payload && { payload }) });
    },
    connect(app, bearer, scopes) {
      const before = directory.connection(app.clientId, bearer)?.scopes.size;
      directory.connect(app.clientId, bearer, scopes);
      const after = directory.connection(app.clientId, bearer)?.scopes.size;
      const name = before === undefined ? 'connection_established' : 'connection_changed';
      if (before !== after) loom.tell(name, bearer, { apps: [app], payload: payloadOf(bearer) });
    },
    disconnect(app, bearer) {
      if (!directory.disconnect(app.clientId, bearer)) return;
      tokens.revokeOf(app, bearer);
      loom.tell('connection_revoked', bearer, { apps: [app], payload: payloadOf(bearer) });
    },
  };
}
