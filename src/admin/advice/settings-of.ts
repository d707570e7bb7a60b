/** The settings that a pattern needs, as YAML to be put into the configuration, each with its reason. */
import { Document, isScalar } from 'yaml';
import type { Target } from '../../targets/target.ts';
import type { FigureName, Figures } from './figures.ts';
import type { PatternName } from './flowchart.ts';
import type { Answers, QuestionName } from './questions.ts';

interface SettingRule {
  /** In all patterns where absent. */
  readonly patterns?: readonly PatternName[];
  readonly when?: Readonly<Partial<Record<QuestionName, string>>>;
  readonly figure?: FigureName;
  /** Under the target; a later rule for the same path counts instead. */
  readonly path: readonly string[];
  readonly value: unknown;
  readonly why?: string;
}

const THIRTY_DAYS = 30 * 86_400;

const SETTINGS: readonly SettingRule[] = [
  { figure: 'noEmail', path: ['users', 'placeholders', 'email'], value: '{id}@users.invalid' },
  {
    figure: 'linked',
    path: ['users', 'identityProviders'],
    value: { google: '<its id at ZITADEL>' },
  },
  {
    figure: 'roles',
    path: ['users', 'grants'],
    value: [{ role: 'editor', project: '<id>', roles: ['editor'] }],
  },
  {
    patterns: ['zitadel-leads'],
    when: { loginPage: 'own' },
    path: ['move', 'typedPasswords'],
    value: true,
    why: 'what is typed at ZITADEL is checked here',
  },
  {
    patterns: ['legacy-leads'],
    path: ['move', 'redirect'],
    value: true,
    why: 'who has moved is sent on with a login hint',
  },
  {
    patterns: ['zitadel-leads'],
    when: { loginPage: 'zitadel' },
    path: ['move', 'push'],
    value: 'at-login',
    why: 'who comes here is made with everything before they go back',
  },
  {
    patterns: ['brokering'],
    path: ['move', 'push'],
    value: 'after-link',
    why: 'the password follows once ZITADEL has made the user',
  },
  {
    patterns: ['brokering'],
    figure: 'totp',
    path: ['move', 'push'],
    value: 'at-login',
    why: 'one-time codes are taken only while a user is made: so we make them',
  },
  {
    when: { rollback: 'yes' },
    path: ['rollbackWindowSeconds'],
    value: THIRTY_DAYS,
    why: 'so long secrets may be fetched again',
  },
];

export interface SettingsOf {
  readonly pattern: PatternName;
  readonly answers: Answers;
  readonly figures: Figures | undefined;
  /** The one that is configured already. */
  readonly target: Target | undefined;
}

/** Secrets stand for themselves as `${NAME}`; what only the operator knows, as an example. */
export function settingsOf({ pattern, answers, figures, target }: SettingsOf): string {
  const rules = SETTINGS.filter(
    ({ patterns, when = {}, figure }) =>
      (patterns?.includes(pattern) ?? true) &&
      Object.entries(when).every(([question, answer]) => answers[question as QuestionName] === answer) &&
      (figure === undefined || (figures?.[figure] ?? 0) > 0),
  );
  const own = { name: target?.name ?? 'zitadel', url: target?.api?.url ?? EXAMPLE };
  const document = new Document({
    provider: providerOf(pattern, own, target),
    ...(pattern === 'jwt-idp' ? { legacySessions: [LEGACY_TOKEN] } : {}),
    targets: [targetOf(pattern, own, target)],
  });
  for (const { path, value, why } of rules) {
    const place = ['targets', 0, ...path];
    document.setIn(place, document.createNode(value));
    const node = document.getIn(place, true);
    if (why && isScalar(node)) node.comment = ` ${why}`;
  }
  return document.toString({ lineWidth: 0 });
}

const EXAMPLE = 'https://id.example.com';
const ISSUER = 'https://login.example.com';

interface Own {
  readonly name: string;
  /** The origin of its API. */
  readonly url: string;
}

/** ZITADEL is a client of ours where people come through us; where the legacy system leads, it is. */
function providerOf(pattern: PatternName, { name, url }: Own, target: Target | undefined) {
  switch (pattern) {
    case 'batch':
      return undefined;
    case 'jwt-idp':
      return {
        issuer: ISSUER,
        jwtIdp: { target: name, login: 'v2', headerName: HEADER },
      };
    case 'legacy-leads':
      return {
        clients: [
          {
            clientId: 'legacy-login',
            name: 'Legacy login',
            secret: '${LEGACY_LOGIN_SECRET}',
            grantTypes: ['client_credentials'],
            mayEnsure: [name],
          },
        ],
      };
    default:
      return {
        clients: [
          {
            clientId: target?.clientIds[0] ?? 'zitadel',
            name: target?.displayName ?? 'Example Login',
            secret: '${ZITADEL_CLIENT_SECRET}',
            redirectUris: [`${url}/ui/login/login/externalidp/callback`, `${url}/idps/callback`],
          },
        ],
      };
  }
}

const HEADER = 'x-footbridge-jwt';
const LEGACY_TOKEN = {
  kind: 'jwt-cookie',
  name: 'legacy',
  cookie: 'legacy_token',
  jwksUri: 'https://legacy.example.com/jwks',
  issuer: 'https://legacy.example.com',
  audience: 'footbridge',
};
/** As `provider.jwtIdp` serves them. */
function targetOf(pattern: PatternName, { name, url }: Own, target: Target | undefined) {
  const isClient = pattern === 'brokering' || pattern === 'zitadel-leads';
  const clientIds = target?.clientIds.length ? [...target.clientIds] : isClient ? ['zitadel'] : undefined;
  return {
    name,
    kind: 'zitadel',
    displayName: target?.displayName ?? 'Example Login',
    loginUrl: target?.loginUrl ?? 'https://app.example.com/login?login_hint={login_hint}',
    ...(clientIds && { clientIds }),
    api: { url, token: '${ZITADEL_TOKEN}' },
    ...(pattern === 'jwt-idp' && { setup: { jwtIdentityProvider: {} } }),
  };
}
