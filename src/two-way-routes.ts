/** What legacy apps call while both sides are kept equal: what has changed there, and whether a password is somebody's. */
import type Router from '@koa/router';
import type { Ground } from './ground.ts';
import type { CallerDeps } from './migration/caller.ts';
import type { ProvePassword } from './migration/moving/mover.ts';
import type { Metrics } from './observability/metrics.ts';
import { changesRoutes } from './sync/intake/changes-routes.ts';
import { usersOf } from './sync/intake/store-users.ts';
import { passwordCheckRoutes } from './sync/passwords/check-routes.ts';
import type { TwoWay } from './two-way.ts';

interface TwoWayRoutesDeps {
  readonly twoWay: TwoWay;
  readonly provePassword: ProvePassword;
  readonly resolveToken: CallerDeps['resolveToken'];
  readonly onError: (error: unknown, where: string) => void;
}

export function twoWayRoutes(
  { settings, db, queue, directory, stores, metrics }: Ground & { readonly metrics: Metrics },
  { twoWay, provePassword, resolveToken, onError }: TwoWayRoutesDeps,
): readonly Router[] {
  const { intake } = settings.sync;
  const userOf = usersOf(stores, (sub) => directory.legacyIdOf(sub) !== undefined);
  return [
    changesRoutes({
      ...{ db, queue, hearing: twoWay.hearing, intake, resolveToken, userOf, onError },
      onPassword: twoWay.passwords.caught,
      onChanges: ({ result, count }) => metrics.syncIntake.inc({ result }, count),
    }),
    passwordCheckRoutes({
      ...{ db, provePassword, resolveToken, hmacKeys: intake.hmacKeys, onError },
      subjectOf: (user, store) => userOf(user, store)?.sub,
    }),
  ];
}
