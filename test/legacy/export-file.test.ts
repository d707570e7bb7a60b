import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectorContract, PEOPLE } from './connector-contract.ts';

function folderOf(files: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), 'footbridge-export-test-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 });
  return { folder, drop: () => rmSync(folder, { recursive: true, force: true }) };
}

const documents = PEOPLE.map(({ roles, ...person }) => ({
  ...person,
  roles: roles.map((name) => ({ name })),
}));
/** By a hash of their ids. */
const order = ['10', '1', '2'];

function exportStore(
  settings: Record<string, unknown>,
  { folder, drop }: { folder: string; drop: () => void },
  name: string,
) {
  const file = (part: object) => ({
    exportFile: {
      files: [join(folder, name)],
      login: ['login', 'email'],
      related: { roles: { path: 'roles' } },
      ...settings,
      ...part,
    },
  });
  return {
    settings: file({}),
    absent: file({ files: [join(folder, 'missing')] }),
    mistaken: { settings: file({ login: ['no_such_column'] }), names: 'no_such_column' },
    order,
    drop,
  };
}

const LACKS = ['findByIds', 'flag', 'statements', 'verifyPassword'] as const;

connectorContract(
  'exportFile (jsonl)',
  async () => {
    const text = documents.map((one) => `${JSON.stringify(one)}\n`).join('');
    return exportStore({ kind: 'jsonl' }, folderOf({ 'users.jsonl': text }), 'users.jsonl');
  },
  { lacks: LACKS },
);

connectorContract(
  'exportFile (json)',
  async () => {
    const text = JSON.stringify({ realm: 'x', users: [], export: { users: documents } }, null, 2);
    return exportStore({ kind: 'json', path: 'export.users' }, folderOf({ 'all.json': text }), 'all.json');
  },
  { lacks: LACKS },
);

connectorContract(
  'exportFile (csv)',
  async () => {
    const folder = folderOf({
      'users.csv': [
        'id,login,email,password',
        ...PEOPLE.map(({ roles: _, ...one }) => Object.values(one).join()),
      ].join('\r\n'),
      'roles.csv': 'person_id;name\n2;author\n2;editor\n',
    });
    const roles = {
      file: { kind: 'csv', delimiter: ';', files: [join(folder.folder, 'roles.csv')], by: 'person_id' },
    };
    return exportStore({ kind: 'csv', related: { roles } }, folder, 'users.csv');
  },
  { lacks: LACKS },
);
