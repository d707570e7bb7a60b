import { algorithmContract } from '../algorithm-contract.ts';

/** npm `unixcrypt` fails where the length is a multiple of the digest's. */
const lengths = [
  [1, 'sha256', '7cz4bTeQ7MnNssphNhFVrITtuJYY/1tdvLL2uzLvOk8'],
  [1, 'sha512', 'MO53nAXQUKXVLlsbiXyPgMsR6q10N7eF7sPvanwdXnEeCj5kE3eYaRvFv0wVW1UZ4SnNTzc1v4OCOq1ASDQZY0'],
  [31, 'sha256', 'dFJ/i24vvVvqatkz6up0B.TszsAoFayBENhT4MhI09/'],
  [31, 'sha512', 'Z5ucCCUhf7lw9Uc1Z3oBIebplbhaEZvZ0STdD.RzuLTLZyXy4qLvf5fpld39jv4EzIVJOGtDem2z7Z3VwDDSQ.'],
  [32, 'sha256', 'rjMPH2qyAsLvASQeJUKQQdHLfa3DC3Q9NLllO3sQ6m2'],
  [32, 'sha512', 'UZ76IjmNvg.GUk3DvUGUUuKTju4Tpy.rr7mNC1ElWRzoCGPr5N47XXcLNqrPo6.g04//WmNdubel45yhIoC7W/'],
  [64, 'sha256', 'il6Lknt3McjccQ.bI00HK1UEGUy7rZASVi/Shd9uiC7'],
  [64, 'sha512', 'xNfEGWEsbTgq/Y30XyIRNcZdD2drPqzAwh6fXDj7D6WVE0OazIpLhya3Bird/wrtzcCJhM8Es.wueUOoZXbEi/'],
  [128, 'sha256', 'xWczIZjuuBNIoStEGc/2/G1.tUEn2/ozxgsMm8S/xEA'],
  [128, 'sha512', 'ajS7nQp0NdN4wAr0LRLSmSMZZxB4kTyKRPG3ITitIoqHai0ACgIGal1qjka7t3RbyKLP8y40.T4sq9dOj9/FR1'],
] as const;

algorithmContract(
  'sha-crypt',
  [
    {
      from: "glibc's crypt(3), SHA-256",
      password: 'Hello world!',
      salt: 'saltstring',
      parameters: { digest: 'sha256', rounds: 5000, saysRounds: false },
      digest: '5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5',
    },
    {
      from: "glibc's crypt(3), SHA-512 with rounds",
      password: 'Hello world!',
      salt: 'saltstringsaltst',
      parameters: { digest: 'sha512', rounds: 10_000, saysRounds: true },
      digest: 'OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.',
    },
    ...lengths.map(([length, digest, expected]) => ({
      from: `openssl passwd, ${length} characters under ${digest}`,
      password: 'a'.repeat(length),
      salt: 'saltstring',
      parameters: { digest, rounds: 5000, saysRounds: false },
      digest: expected,
    })),
  ],
  [
    { digest: 'sha512', rounds: 1_000_001, saysRounds: true },
    { digest: 'sha512', rounds: 999, saysRounds: true },
  ],
);

algorithmContract('md5crypt', [
  {
    from: 'openssl passwd -1',
    password: 'pässwörd',
    salt: 'saltstri',
    parameters: { magic: '1' },
    digest: 'k6fkWv7SA1Y5Xb2m0E34n/',
  },
  {
    from: 'openssl passwd -apr1',
    password: 'pässwörd',
    salt: 'saltstri',
    parameters: { magic: 'apr1' },
    digest: 'w37nSqg7WuhDFlzkW8QGR/',
  },
]);

algorithmContract(
  'phpass',
  [
    {
      from: "phpass's test.php",
      password: 'test12345',
      salt: 'IQRaTwmf',
      parameters: { prefix: 'P', log2Rounds: 11 },
      digest: 'eRo7ud9Fh4E2PdI0S3r.L0',
    },
  ],
  [
    { prefix: 'P', log2Rounds: 20 },
    { prefix: 'P', log2Rounds: 6 },
  ],
);

algorithmContract(
  'drupal7',
  [
    {
      from: "hashcat's example",
      password: 'hashcat',
      salt: '33783772',
      parameters: { log2Rounds: 14 },
      digest: 'bRXEx1aCsvY.dqgaaSu76XmVlKrW9Qu8IQlvxHlmzLf',
    },
  ],
  [{ log2Rounds: 20 }],
);
