import { cryptBytes } from '../../../src/credentials/crypt-encoding.ts';
import { algorithmContract } from '../algorithm-contract.ts';

algorithmContract(
  'des-crypt',
  [
    {
      from: 'libxcrypt, descrypt',
      password: 'passwordlonger',
      salt: 'ab',
      parameters: { kind: 'traditional', count: 25 },
      digest: 'JnggxhB/yWI',
    },
    {
      from: 'libxcrypt, bytes beyond ASCII',
      password: 'Zażółć-gęślą-🔐🦄-éä',
      salt: 'dz',
      parameters: { kind: 'traditional', count: 25 },
      digest: 'L7f2w0pX8lA',
    },
    {
      from: 'libxcrypt, bsdicrypt',
      password: 'passwordlonger',
      salt: 'abcd',
      parameters: { kind: 'extended', count: 725 },
      digest: 'IVND9ckZ/OA',
    },
    {
      from: 'libxcrypt, bigcrypt',
      password: 'passwordlonger',
      salt: 'ab',
      parameters: { kind: 'bigcrypt', count: 25 },
      digest: 'JnggxhB/yWIhHEYxRd8eKM',
    },
    {
      from: 'passlib, crypt16',
      password: 'passwordlonger',
      salt: 'aa',
      parameters: { kind: 'crypt16', count: 25 },
      digest: 'hYGy/FgMMyArMhavMgPAPU',
    },
  ],
  [
    { kind: 'extended', count: 0 },
    { kind: 'extended', count: 1_000_001 },
  ],
);

algorithmContract(
  'sha1-crypt',
  [
    {
      from: 'libxcrypt, sha1crypt',
      password: 'passwordlonger',
      salt: 'abcd',
      parameters: { rounds: 100 },
      digest: 'c2bJHUN65RQXL5sGuo7.NupcK7H4',
    },
  ],
  [{ rounds: 0 }, { rounds: 1_000_001 }],
);

algorithmContract(
  'sun-md5',
  [
    {
      from: 'libxcrypt, sunmd5',
      password: 'passwordlonger',
      salt: '$md5,rounds=10$abc$',
      parameters: { rounds: 10 },
      digest: '6/myb2HBXIeI9d5viNoVW.',
    },
  ],
  [{ rounds: 995_905 }],
);

const costs = { log2N: 10, blockSize: 8, parallelism: 1, time: 0 };

algorithmContract(
  'yescrypt',
  [
    {
      from: 'libxcrypt, yescrypt as passwd(1) has it',
      password: 'passwordlonger',
      salt: cryptBytes('abcdefgh')!,
      parameters: { ...costs, log2N: 12, blockSize: 32 },
      digest: cryptBytes('74t5SEtj15BayxCNSYZj4/z9Dmy.qa1Hpy8HUZ1.bA5')!,
    },
  ],
  [
    { ...costs, log2N: 32 },
    { ...costs, log2N: 22 },
    { ...costs, log2N: 0 },
    { ...costs, log2N: 18, time: 3 },
    { ...costs, blockSize: 0 },
    { ...costs, blockSize: 1_000_000 },
    { ...costs, parallelism: 0 },
    { ...costs, parallelism: 1024 },
  ],
);
