import { afterEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { parseConfig } from '../src/config.ts';
import { openGround } from '../src/ground.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const LDAP = {
  url: 'ldap://127.0.0.1:1',
  bindDn: 'cn=reader,dc=example',
  bindPassword: 'reader-password',
  base: 'dc=example',
  id: 'entryUUID',
  login: ['uid'],
};

/** One slot, and room for one that waits: both are taken by names that nobody has. */
function groundOf(legacy: object) {
  const settings = parseConfig(
    stringify({
      database: { url: 'postgres://nobody@127.0.0.1:1/nothing' },
      masterKey: Buffer.alloc(32).toString('base64'),
      passwords: { slots: 1, queueLength: 1 },
      legacy: { store: 'shop', ...legacy },
    }),
    { file: 'footbridge.yaml', env: {} },
  );
  const ground = openGround(settings);
  closers.push(ground.close);
  const taken = Promise.allSettled([ground.passwords.decoy('one'), ground.passwords.decoy('two')]);
  closers.push(async () => void (await taken));
  expect(ground.passwords.stats()).toMatchObject({ running: 1, queued: 1 });
  return ground;
}

test('a full queue turns people away before anything is looked up', () => {
  const { passwords } = groundOf({
    sql: { engine: 'sqlite', file: ':memory:', table: 'people', login: ['email'] },
  });
  expect(() => passwords.announce()).toThrow(expect.objectContaining({ code: 'hashing_overloaded' }));
});

test('a full queue turns nobody away where the store checks passwords itself', () => {
  const { passwords } = groundOf({ ldap: LDAP, verify: 'store' });
  expect(() => passwords.announce()()).not.toThrow();
});
