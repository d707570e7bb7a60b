/** The configuration of the flows' Footbridge, as an operator would write it. */
import { randomBytes } from 'node:crypto';
import { demoLegacySettings } from '../../../example/demo/demo-legacy.ts';
import type { Facade } from './place.ts';

export const TARGET = 'zitadel';
export const SEED = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
export const CLIENT_SECRET = 'secret-of-the-target-0123456789';
/** What the shop calls a customer is a buyer in the project at ZITADEL. */
export const ROLES = { clerk: 'seller', customer: 'buyer' };

// biome-ignore lint/suspicious/noExplicitAny: the file as an operator writes it
export type Settings = Record<string, any>;

export interface Ends {
  readonly facade: Facade;
  readonly zitadel: { readonly url: string; readonly token: string };
  readonly databaseUrl: string;
  readonly shopUrl: string;
  readonly project: string;
}

export function settingsFor({ facade, zitadel, databaseUrl, shopUrl, project }: Ends): Settings {
  const legacy: Settings = demoLegacySettings(shopUrl);
  legacy.cacheSeconds = 0;
  legacy.staleSeconds = 0;
  legacy.mapping.identityProviderLinks = [
    { provider: { value: 'google' }, userId: 'google_id', username: 'email' },
  ];
  return {
    database: { url: databaseUrl },
    masterKey: randomBytes(32).toString('base64'),
    listen: { public: { host: facade.host, port: facade.port }, private: { port: 0 } },
    log: { level: 'silent' },
    admin: { fourEyes: false },
    provider: {
      issuer: facade.issuer,
      login: { failureFloorMs: 0 },
      clients: [
        {
          clientId: 'zitadel',
          name: 'The new one',
          secret: CLIENT_SECRET,
          redirectUris: ['/ui/login/login/externalidp/callback', '/idps/callback'].map(
            (path) => zitadel.url + path,
          ),
        },
      ],
    },
    targets: [
      {
        name: TARGET,
        kind: 'zitadel',
        displayName: 'The new one',
        loginUrl: 'https://app.example.com/login?login_hint={login_hint}',
        clientIds: ['zitadel'],
        api: { url: zitadel.url, token: zitadel.token, perSecond: 1_000 },
        users: {
          grants: Object.entries(ROLES).map(([role, there]) => ({ role, project, roles: [there] })),
        },
        move: {},
        // They are brought up to date behind everybody's back; flows/sessions looks at that.
        sessions: { end: false, follow: false },
        setup: {},
      },
    ],
    legacy,
  };
}
