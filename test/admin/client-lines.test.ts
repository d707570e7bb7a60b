import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { linesFor, withRedirectUris } from '../../src/admin/target-setup/client-lines.ts';

const URIS = ['https://id.example/ui/login/login/externalidp/callback', 'https://id.example/idps/callback'];
const edited = (text: string, uris: readonly string[] = URIS) => {
  const made = withRedirectUris(text, { clientId: 'zitadel', uris });
  if ('problem' in made) throw new Error(made.problem);
  return made.text;
};
const problemOf = (text: string) => {
  const made = withRedirectUris(text, { clientId: 'zitadel', uris: URIS });
  return 'problem' in made ? made.problem : undefined;
};

const BLOCK = `# Ours
provider:
  clients:
    - clientId: other
      redirectUris:
        - https://other.example/cb
    - clientId: zitadel # the new one
      secret: \${ZITADEL_CLIENT_SECRET}   # from the environment
      redirectUris:
        - https://id.example/old # goes in June
      # nothing below
      grantTypes: [authorization_code]
`;

describe('redirect URIs in the configuration file', () => {
  test('are added behind those of the client, and every other byte stays', () => {
    const text = edited(BLOCK);
    const added = URIS.map((uri) => `        - ${uri}\n`).join('');
    expect(text).toBe(BLOCK.replace('# goes in June\n', `# goes in June\n${added}`));
  });

  test('make a list of their own where there is none', () => {
    const text = edited('provider:\n  clients:\n  - clientId: zitadel\n    secret: x\n');
    expect(text).toBe(
      `provider:\n  clients:\n  - clientId: zitadel\n    redirectUris:\n${URIS.map((uri) => `      - ${uri}\n`).join('')}    secret: x\n`,
    );
  });

  test('go into a list in brackets, empty or not', () => {
    const at = (list: string) =>
      `provider: { clients: [{ clientId: zitadel, redirectUris: ${list} }] } # so\n`;
    expect(edited(at('[]'), [URIS[1]!])).toBe(at(`["${URIS[1]}"]`));
    expect(edited(at('[a:b]'), [URIS[1]!])).toBe(at(`[a:b, "${URIS[1]}"]`));
  });

  test.each([
    ['with other line ends', BLOCK.replaceAll('\n', '\r\n')],
    ['without a last line end', BLOCK.slice(0, BLOCK.indexOf(' # goes'))],
  ])('are added to a file %s', (_what, text) => {
    const clients = (of: string) => parse(of).provider.clients;
    const after = edited(text);
    expect(clients(after)[1].redirectUris).toEqual(['https://id.example/old', ...URIS]);
    expect(clients(after)[0]).toEqual(clients(text)[0]);
    expect(after.includes('\r\n')).toBe(text.includes('\r\n'));
    expect(after.replaceAll('\r\n', '')).not.toContain('\r');
  });

  test.each([
    ['whose client is named by a variable', 'provider:\n  clients:\n    - clientId: ${CLIENT}\n'],
    ['without such a client', 'provider:\n  clients:\n    - clientId: other\n'],
    ['without clients', 'provider: {}\n'],
    ['that is no YAML', 'provider: [\n'],
    [
      'whose lists are shared',
      'a: &uris\n  - x:y\nprovider:\n  clients:\n    - clientId: zitadel\n      redirectUris: *uris\n',
    ],
    [
      'with a shared list of its own',
      'provider:\n  clients:\n    - clientId: zitadel\n      redirectUris: &uris\n        - x:y\n    - clientId: b\n      redirectUris: *uris\n',
    ],
    [
      'with comments in brackets',
      'provider: { clients: [{ clientId: zitadel, redirectUris: [a:b # c\n] }] }\n',
    ],
  ])('are left to a person in a file %s', (_what, text) => {
    expect(problemOf(text)).toBeTypeOf('string');
  });

  test('are printed as they have to stand there', () => {
    expect(parse(linesFor({ clientId: 'zitadel', uris: URIS }))).toEqual({
      provider: { clients: [{ clientId: 'zitadel', redirectUris: URIS }] },
    });
  });
});
