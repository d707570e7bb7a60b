import { algorithmContract } from '../algorithm-contract.ts';

const hex = (text: string) => Buffer.from(text, 'hex');
/** ASCII only, so that the contract's UTF-8 leaves the bytes as they are. */
const utf16 = (text: string) => Buffer.from(text, 'utf16le').toString('latin1');

algorithmContract(
  'md4',
  [
    {
      from: 'RFC 1320 section A.5',
      password: 'abc',
      parameters: { kind: 'plain', iterations: 1 },
      digest: hex('a448017aaf21d8525fc10ae87aa6729d'),
    },
    {
      from: '[MS-NLMP] section 4.2.2.1.2, the NT hash',
      password: utf16('Password'),
      parameters: { kind: 'plain', iterations: 1 },
      digest: hex('a4f49c406510bdcab6824ee7c30fd852'),
    },
    {
      from: "hashcat's example of domain cached credentials",
      password: utf16('hashcat'),
      salt: Buffer.from('3060147285011', 'utf16le'),
      parameters: { kind: 'cached', iterations: 1 },
      digest: hex('4dd8965d1d476fa0d026722989a6b772'),
    },
    {
      from: "hashcat's example of domain cached credentials, version 2",
      password: utf16('hashcat'),
      salt: Buffer.from('tom', 'utf16le'),
      parameters: { kind: 'cached-pbkdf2', iterations: 10_240 },
      digest: hex('e4e938d12fe5974dc42a90120bd9c90f'),
    },
  ],
  [
    { kind: 'cached-pbkdf2', iterations: 2_000_001 },
    { kind: 'cached-pbkdf2', iterations: 0 },
  ],
);

algorithmContract('lm', [
  {
    from: '[MS-NLMP] section 4.2.2.1.1',
    password: 'PASSWORD',
    parameters: {},
    digest: hex('e52cac67419a9a224a3b108f3fa6cb6d'),
  },
  {
    from: "hashcat's example, and the digest of nothing",
    password: 'HASHCAT',
    parameters: {},
    digest: hex('299bd128c1101fd6aad3b435b51404ee'),
  },
]);

algorithmContract('oracle10', [
  {
    from: "hashcat's example",
    password: Buffer.from('3682427524HASHCAT', 'utf16le').swap16().toString('latin1'),
    parameters: {},
    digest: hex('7a963a529d2e3229'),
  },
]);

algorithmContract('oracle12', [
  {
    from: "hashcat's example",
    password: 'hashcat',
    parameters: {},
    salt: hex('34141655046766111066420254008225'),
    digest: hex(
      '78281a9c0cf626bd05efc4f41b515b61d6c4d95a250cd4a605ca0ef97168d670ebcb5673b6f5a2fb9cc4e0c0101e659c0c4e3b9b3beda846cd15508e88685a23',
    ),
  },
]);

algorithmContract(
  'scram',
  [
    {
      from: 'PostgreSQL 15',
      password: 'hashcat',
      salt: Buffer.from('IKfxzJ8Nq4PkLJCfgKcPmA==', 'base64'),
      parameters: { digest: 'sha256', iterations: 4096 },
      digest: Buffer.from('iRw3qwTp18uaBnsTOEExbtgWdKeBMbSSnZvqD4sdqLQ=', 'base64'),
    },
  ],
  [
    { digest: 'sha256', iterations: 2_000_001 },
    { digest: 'sha256', iterations: 0 },
  ],
);

algorithmContract('cisco-pix', [
  {
    from: 'passlib, ASA',
    password: 'password',
    salt: 'admin',
    parameters: { model: 'asa' },
    digest: '7KKG/zg/Wo8c.YfN',
  },
  {
    from: 'passlib, ASA with a password so long that the user name is left out',
    password: 'this is twenty-eight bytes..',
    salt: 'jo',
    parameters: { model: 'asa' },
    digest: '3T0vVImcUYmMNOLR',
  },
  {
    from: 'passlib, PIX with no room for the user name',
    password: 'sixteen-bytes-ok',
    salt: 'jo',
    parameters: { model: 'pix' },
    digest: 'xLU0oYpwMEFC7PPp',
  },
]);
