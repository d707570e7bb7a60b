import { ObjectId } from 'mongodb';
import { describe, expect, test } from 'vitest';
import { loadDriver, missingDriver } from '../../src/legacy/connectors/mongodb/driver.ts';
import { plain } from '../../src/legacy/connectors/mongodb/plain.ts';
import { legacySettings } from '../../src/legacy/legacy-settings.ts';

describe('settings', () => {
  const url = 'mongodb://reader:secret@127.0.0.1/shop';

  test('need a URL only', () => {
    const { mongodb } = legacySettings.parse({ store: 'shop', mongodb: { url } });
    expect(mongodb).toMatchObject({ collection: 'users', id: '_id', login: ['username', 'email'] });
    expect(JSON.stringify(mongodb)).not.toContain('secret@');
  });

  test.each([
    [{ url: 'https://127.0.0.1' }, 'begins with mongodb://'],
    [{ login: ['$where'] }, 'expected a field'],
    [{ login: ['a.$ne'] }, 'expected a field'],
    [{ login: ['a..b'] }, 'expected a field'],
    [{ id: '$_id' }, 'expected a field'],
    [{ flag: { field: '$set' } }, 'expected a field'],
    [{ collection: '$cmd' }, 'not the name'],
    [{ filter: { $where: 'sleep(1000)' } }, 'runs code'],
    [{ filter: { $or: [{ $expr: { $function: {} } }] } }, 'runs code'],
    [{ related: { roles: { collection: 'roles' } } }, 'Invalid input'],
  ])('%j is refused', (part, message) => {
    const { error } = legacySettings.safeParse({ store: 'shop', mongodb: { url, ...part } });
    expect(error?.message).toContain(message);
  });

  test('MongoDB cannot check passwords', () => {
    const store = { store: 'shop', verify: 'store', mongodb: { url } };
    expect(() => legacySettings.parse(store)).toThrow('cannot verify passwords');
  });
});

describe('the driver', () => {
  test('that is not installed is named with the line that installs it', async () => {
    const missing = 'a-driver-that-nobody-has';
    expect(missingDriver(missing)).toContain('npm install mongodb@6');
    await expect(loadDriver(missing)).rejects.toMatchObject({
      code: 'config_invalid',
      detail: expect.stringContaining('npm install mongodb@6'),
    });
  });

  test('that is installed is not missing', async () => {
    expect(missingDriver()).toBeUndefined();
    expect((await loadDriver()).MongoClient).toBeTypeOf('function');
  });
});

test('a document that says it is a type of BSON is a document', () => {
  const claims = { _bsontype: 'ObjectId', toHexString: 'x' };
  expect(plain({ claims, real: [new ObjectId('64b7f0c2a1b2c3d4e5f60718')] })).toEqual({
    claims,
    real: ['64b7f0c2a1b2c3d4e5f60718'],
  });
});
