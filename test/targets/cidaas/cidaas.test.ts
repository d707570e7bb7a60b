import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { passwordSettings } from '../../../src/credentials/password-settings.ts';
import { openPasswords } from '../../../src/credentials/passwords.ts';
import { cidaasSettings } from '../../../src/targets/cidaas/cidaas-settings.ts';
import { EVENT_NAMES } from '../../../src/targets/cidaas/events.ts';
import { cidaas } from '../../../src/targets/cidaas/index.ts';
import { hashReader, openTargets, TARGET_KINDS } from '../../../src/targets/index.ts';
import { oneTargetSettings, targetSettings } from '../../../src/targets/target-settings.ts';
import { storedOf } from '../../credentials/vectors.ts';
import { everyHash } from '../target-kind-contract.ts';

const passwords = openPasswords(passwordSettings.parse({}));
afterAll(() => passwords.close());

const API = { url: 'http://127.0.0.1:9', clientCredentials: { clientId: 'an-app', secret: 'a-secret' } };
const openWith = (more: object) =>
  openTargets(
    targetSettings.parse([
      { name: 'new', kind: 'cidaas', displayName: 'New', loginUrl: 'https://new.example/', ...more },
    ]),
    { issuer: 'https://login.example' },
  );

/** The contract of a kind, but for second factors: no way to import one into cidaas is documented. */
describe('cidaas', () => {
  test('is on the shelf under its own name', () => {
    expect(TARGET_KINDS.cidaas).toBe(cidaas);
    expect(hashReader('cidaas')?.accepts).toBe(cidaas.accepts);
  });

  test('names every format once, with bounds that an operator could write', () => {
    const names = cidaas.accepts.map(({ write }) => write);
    expect(new Set(names).size).toBe(names.length);
    expect(oneTargetSettings.shape.accepts.safeParse(cidaas.accepts).error).toBeUndefined();
  });

  test('is given only formats it named', () => {
    const given = everyHash().flatMap((vector) => {
      const made = passwords.translate(storedOf(vector), cidaas.accepts);
      return 'encoded' in made ? [made.format] : [];
    });
    expect(given.length).toBeGreaterThan(10);
    const named = cidaas.accepts.map(({ write }) => write);
    expect(given.filter((format) => !named.includes(format))).toEqual([]);
  });

  test('says of nobody that it could take their second factor', () => {
    expect(cidaas.totp).toEqual({ algorithms: [], digits: [], periodSeconds: [] });
    expect(cidaas.capabilities).toMatchObject({ passkeys: false, recoveryCodes: false });
  });
});

describe('the settings', () => {
  test('have a connection where an app is named', async () => {
    const targets = openWith({ api: API });
    expect(targets.connection('new')).toBeDefined();
    await targets.close();
  });

  test('do not open without an app', () => {
    const { clientCredentials: _app, ...api } = API;
    expect(() => openWith({ api: { ...api, token: 'a-token' } })).toThrow(
      expect.objectContaining({ code: 'config_invalid' }),
    );
  });

  test.each([
    ['a path without its id', { paths: { read: '/user-srv/users' } }],
    ['a path to another place', { paths: { bulk: 'https://other.example/bulk' } }],
    ['an algorithm that is none of one’s own', { customAlgorithm: 'BCRYPT_10' }],
    ['a field that is none', { fields: ['email'] }],
    ['something unknown', { migration: true }],
  ])('refuse %s', (_what, own) => {
    expect(() => openWith({ api: API, cidaas: own })).toThrow();
  });

  test('take what a tenant calls its own', async () => {
    const own = {
      paths: { unlink: '/users-srv/user/unlink/{identityId}' },
      customFields: { mark: 'fb_id' },
      customAlgorithm: 'CUSTOM_SHOP',
      migrationMode: true,
    };
    const targets = openWith({ api: API, cidaas: own });
    expect(targets.byName('new')?.cidaas).toMatchObject({
      paths: { bulk: '/users-srv/user/bulk', unlink: own.paths.unlink },
      customFields: { mark: 'fb_id', password: 'footbridge_password' },
    });
    await targets.close();
  });
});

describe('docs/targets/cidaas.md', () => {
  const page = readFileSync(new URL('../../../docs/targets/cidaas.md', import.meta.url), 'utf8');

  test('shows settings that are accepted', () => {
    const texts = [...page.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, text]) => text!);
    const documents = texts.map((text) => parse(text.replaceAll(/\$\{\w+\}/g, 'a-secret')));
    const wrong = documents.map((given: { targets?: unknown; cidaas?: unknown }) =>
      given.targets === undefined
        ? cidaasSettings.safeParse(given.cidaas).error
        : targetSettings.safeParse(given.targets).error,
    );
    expect(wrong).toEqual([undefined, undefined, undefined]);
  });

  test('names every event to be told of', () => {
    const [, text = ''] = /"events": (\[[^\]]*\])/.exec(page) ?? [];
    expect(JSON.parse(text)).toEqual(EVENT_NAMES);
  });

  test('names only settings of cidaas that there are', () => {
    const named = [...page.matchAll(/`cidaas\.([\w.]+)`/g)].map(([, path]) => path!.split('.'));
    const all = { ...cidaasSettings.parse({}), customAlgorithm: '', scope: '', passwordCheck: {} };
    const paths: object = { ...all.paths, unlink: '', ...all.events };
    expect(named.length).toBeGreaterThan(8);
    expect(
      named.filter(([first, second]) => !(first! in all) || (second !== undefined && !(second in paths))),
    ).toEqual([]);
  });

  test('names the figures that a batch goes by', () => {
    const { users, max } = cidaas.capabilities!.batch;
    expect(page).toContain(`${users} is the default, more than ${max.toLocaleString('en')} are refused`);
  });
});
