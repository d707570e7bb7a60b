import { algorithmContract } from '../algorithm-contract.ts';

const hex = (text: string) => Buffer.from(text.replace(/\s/g, ''), 'hex');

algorithmContract(
  'pbkdf2',
  [
    {
      from: 'RFC 6070, 4096 iterations',
      password: 'password',
      salt: 'salt',
      parameters: { digest: 'sha1', iterations: 4096 },
      digest: hex('4b007901b765489abead49d926f721d065a429c1'),
    },
    {
      from: 'RFC 6070, a key longer than the digest',
      password: 'passwordPASSWORDpassword',
      salt: 'saltSALTsaltSALTsaltSALTsaltSALTsalt',
      parameters: { digest: 'sha1', iterations: 4096 },
      digest: hex('3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038'),
    },
  ],
  [
    { digest: 'sha1', iterations: 2_000_001 },
    { digest: 'sha1', iterations: 0 },
  ],
);

algorithmContract(
  'scrypt',
  [
    {
      from: 'RFC 7914 section 12, second',
      password: 'password',
      salt: 'NaCl',
      parameters: { log2N: 10, blockSize: 8, parallelism: 16 },
      digest: hex(
        `fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162
         2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640`,
      ),
    },
  ],
  [
    { log2N: 30, blockSize: 8, parallelism: 1 },
    { log2N: 18, blockSize: 8, parallelism: 5 },
    { log2N: 0, blockSize: 8, parallelism: 1 },
  ],
);

algorithmContract(
  'argon2',
  [
    {
      from: "the reference implementation's test.c, version 19",
      password: 'password',
      salt: 'somesalt',
      parameters: { variant: 'id', version: 0x13, memoryKib: 65_536, passes: 2, lanes: 1 },
      digest: hex('09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7'),
    },
    {
      from: "the reference implementation's test.c, version 16",
      password: 'password',
      salt: 'somesalt',
      parameters: { variant: 'i', version: 0x10, memoryKib: 65_536, passes: 2, lanes: 1 },
      digest: hex('f6c4db4a54e2a370627aff3db6176b94a2a209a62c8e36152711802f7b30c694'),
    },
  ],
  [
    { variant: 'id', version: 0x13, memoryKib: 262_145, passes: 1, lanes: 1 },
    { variant: 'id', version: 0x13, memoryKib: 65_536, passes: 11, lanes: 1 },
    { variant: 'id', version: 0x13, memoryKib: 65_537, passes: 1, lanes: 9 },
    { variant: 'id', version: 0x13, memoryKib: 7, passes: 1, lanes: 1 },
  ],
);

algorithmContract(
  'bcrypt',
  [
    {
      from: "crypt_blowfish's wrapper.c",
      password: 'U*U',
      salt: 'CCCCCCCCCCCCCCCCCCCCC.',
      parameters: { variant: '2a', cost: 5 },
      digest: 'E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    },
    {
      from: "crypt_blowfish's wrapper.c, written by PHP",
      password: 'U*U*U',
      salt: 'XXXXXXXXXXXXXXXXXXXXXO',
      parameters: { variant: '2y', cost: 5 },
      digest: 'AcXxm9kjPGEMsLznoKqmqw7tc8WCx4a',
    },
  ],
  [
    { variant: '2b', cost: 16 },
    { variant: '2b', cost: 3 },
  ],
);

algorithmContract('hmac', [
  {
    from: 'RFC 4231, test case 2',
    password: 'what do ya want for nothing?',
    salt: 'Jefe',
    parameters: { digest: 'sha256' },
    digest: hex('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'),
  },
]);

algorithmContract('digest', [
  {
    from: 'RFC 1321 appendix A.5, the salt in front',
    password: 'c',
    salt: 'ab',
    parameters: {
      digest: 'md5',
      message: ['salt', 'password'],
      iterations: 1,
      feedback: 'raw',
      repeatsMessage: false,
      initial: new Uint8Array(),
    },
    digest: hex('900150983cd24fb0d6963f7d28e17f72'),
  },
  {
    from: 'RFC 1321 appendix A.5, the salt behind',
    password: 'message ',
    salt: 'digest',
    parameters: {
      digest: 'md5',
      message: ['password', 'salt'],
      iterations: 1,
      feedback: 'raw',
      repeatsMessage: false,
      initial: new Uint8Array(),
    },
    digest: hex('f96b697d7cb7938d525a2f31aaf161d0'),
  },
]);

algorithmContract('mysql323', [
  { from: "MySQL's manual", password: 'mypass', parameters: {}, digest: hex('6f8c114b58f2ce9e') },
]);

algorithmContract('plaintext', [
  { from: 'itself', password: 'password', parameters: {}, digest: 'password' },
]);

algorithmContract('aes-cbc', [
  {
    from: 'openssl enc -aes-256-cbc',
    password: 'password',
    salt: Buffer.alloc(16, 1),
    parameters: { key: Buffer.alloc(32, 2) },
    digest: hex('36ce2ec6f4247847b0bafadab1315953'),
  },
]);

algorithmContract(
  'firebase-scrypt',
  [
    {
      from: "the README of Firebase's scrypt",
      password: 'user1password',
      salt: Buffer.from('42xEC+ixf3L2lw==', 'base64'),
      parameters: {
        log2N: 14,
        blockSize: 8,
        saltSeparator: Buffer.from('Bw==', 'base64'),
        signerKey: Buffer.from(
          'jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==',
          'base64',
        ),
      },
      digest: Buffer.from(
        'lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==',
        'base64',
      ),
    },
  ],
  [
    {
      log2N: 20,
      blockSize: 8,
      saltSeparator: new Uint8Array(),
      signerKey: new Uint8Array(),
    },
  ],
);
