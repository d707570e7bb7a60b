import { generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { hashReader, openTargets } from '../../src/targets/index.ts';
import { targetSettings } from '../../src/targets/target-settings.ts';
import { zitadel } from '../../src/targets/zitadel/index.ts';

const MINIMAL = { name: 'main', kind: 'zitadel', displayName: 'New', loginUrl: 'https://new.example/' };
const problemsOf = (...targets: object[]) =>
  targetSettings.safeParse(targets).error?.issues.map(({ path }) => path.join('.')) ?? [];
const jwk = (type: 'rsa' | 'ed25519' | 'x25519', bits = 2048) => {
  const pair =
    type === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: bits })
      : generateKeyPairSync(type as 'x25519');
  return {
    public: pair.publicKey.export({ format: 'jwk' }),
    private: pair.privateKey.export({ format: 'jwk' }),
  };
};

describe('the settings of a target', () => {
  test('need little, and close by default', () => {
    const [target] = targetSettings.parse([MINIMAL]);
    expect(target).toMatchObject({
      clientIds: [],
      hmacKeys: [],
      volume: { perSecond: 20, perDay: 10_000 },
      ticketSeconds: 300,
      rollbackWindowSeconds: 0,
    });
  });

  test('never let a ticket live longer than 300 seconds', () => {
    expect(problemsOf({ ...MINIMAL, ticketSeconds: 300 })).toEqual([]);
    expect(problemsOf({ ...MINIMAL, ticketSeconds: 301 })).toEqual(['0.ticketSeconds']);
  });

  test('give every name and every client to one target', () => {
    const other = { ...MINIMAL, name: 'other' };
    expect(problemsOf({ ...MINIMAL, clientIds: ['a'] }, { ...other, clientIds: ['b'] })).toEqual([]);
    expect(problemsOf(MINIMAL, MINIMAL)).toEqual(['1.name']);
    expect(problemsOf({ ...MINIMAL, clientIds: ['a'] }, { ...other, clientIds: ['a'] })).toEqual([
      '1.clientIds',
    ]);
  });

  test('do not print their keys, and refuse short ones', () => {
    const [target] = targetSettings.parse([
      { ...MINIMAL, hmacKeys: [{ id: 'one', key: 'CANARY-0123456789' }] },
    ]);
    expect(inspect(target, { depth: 9 }) + JSON.stringify(target)).not.toContain('CANARY');
    expect(problemsOf({ ...MINIMAL, hmacKeys: [{ id: 'one', key: 'short' }] })).toEqual(['0.hmacKeys.0.key']);
  });

  test('take a public key to encrypt to', () => {
    expect(problemsOf({ ...MINIMAL, encryption: jwk('rsa').public })).toEqual([]);
    expect(problemsOf({ ...MINIMAL, encryption: jwk('x25519').public })).toEqual([]);
  });

  test.each([
    ['a private key', () => jwk('rsa').private],
    ['a short RSA key', () => jwk('rsa', 1024).public],
    ['a key that only signs', () => jwk('ed25519').public],
    ['a key marked for signatures', () => ({ ...jwk('rsa').public, use: 'sig' })],
    ['a symmetric key', () => ({ kty: 'oct', k: 'c2VjcmV0' })],
    ['half a key', () => ({ kty: 'RSA', e: 'AQAB' })],
  ])('refuse %s to encrypt to', (_what, make) => {
    const problems = problemsOf({ ...MINIMAL, encryption: make() });
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.every((path) => path.startsWith('0.encryption'))).toBe(true);
  });

  test('may name other formats than the kind’s, with bounds in order', () => {
    const accepts = [{ write: 'bcrypt', cost: [10, 16] }];
    expect(openTargets(targetSettings.parse([{ ...MINIMAL, accepts }])).all[0]?.accepts).toEqual(accepts);
    expect(problemsOf({ ...MINIMAL, accepts: [{ write: 'bcrypt', cost: [16, 10] }] })).toEqual([
      '0.accepts.0.cost',
    ]);
    expect(problemsOf({ ...MINIMAL, accepts: [{ write: 'rot13' }] })).toEqual(['0.accepts.0.write']);
  });
});

describe('the targets', () => {
  const targets = openTargets(
    targetSettings.parse([
      { ...MINIMAL, clientIds: ['a', 'b'] },
      { ...MINIMAL, name: 'other', kind: 'generic', clientIds: ['c'] },
    ]),
  );

  test('are found by name and by client', () => {
    expect(targets.byName('other')?.kind).toBe('generic');
    expect(targets.byClient('b')?.name).toBe('main');
    expect(targets.byName('none')).toBeUndefined();
    expect(targets.byClient('none')).toBeUndefined();
  });

  test('read what their kind reads', () => {
    expect(targets.byName('main')?.accepts).toEqual(zitadel.accepts);
    expect(hashReader('nothing-we-know')).toBeUndefined();
  });
});
