/** A connection to the ZITADEL of a test. */
import type { TargetConnection } from '../../../src/targets/connection.ts';
import { openTargets } from '../../../src/targets/index.ts';
import type { Targets } from '../../../src/targets/target.ts';
import { targetSettings } from '../../../src/targets/target-settings.ts';
import type { Zitadel } from '../../support/zitadel/index.ts';

export function connectionTo(
  zitadel: Zitadel,
  ourIdp: () => Promise<string | undefined>,
  api: object = {},
): TargetConnection {
  return targetsTo(zitadel, { ourIdp, api }).connection('new')!;
}

/** The target `new`, which sync keeps equal where `isSynced`. */
export function targetsTo(
  zitadel: Zitadel,
  {
    ourIdp = async () => undefined,
    api = {},
    isSynced = false,
    ...more
  }: {
    readonly ourIdp?: () => Promise<string | undefined>;
    readonly api?: object;
    readonly isSynced?: boolean;
    readonly users?: object;
  },
): Targets {
  const settings = {
    name: 'new',
    kind: 'zitadel',
    displayName: 'New',
    loginUrl: 'https://new.example',
    api: { url: zitadel.url, token: zitadel.token, perSecond: 1_000, ...api },
    ...more,
  };
  return openTargets(targetSettings.parse([settings]), {
    issuer: 'https://footbridge.example',
    ourIdp,
    synced: isSynced ? ['new'] : [],
  });
}

/** As `target setup` leaves it. Its id. */
export function addIdp(zitadel: Zitadel, name: string): string {
  const id = `idp-${name}`;
  zitadel.instance.idps.set(id, {
    id,
    kind: 'oidc',
    isActive: true,
    name,
    issuer: `https://${name}.example`,
    settings: {},
    options: {
      isLinkingAllowed: true,
      isCreationAllowed: true,
      isAutoCreation: true,
      isAutoUpdate: false,
      autoLinking: 'AUTO_LINKING_OPTION_UNSPECIFIED',
    },
  });
  return id;
}
