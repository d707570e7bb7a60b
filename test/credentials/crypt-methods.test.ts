import { afterAll, describe, expect, test } from 'vitest';
import { passwordSettings } from '../../src/credentials/password-settings.ts';
import { openPasswords } from '../../src/credentials/passwords.ts';

const passwords = openPasswords(passwordSettings.parse({ slots: 1 }));
afterAll(() => passwords.close());

const verify = (format: string, hash: string, password = 'passwordlonger', username?: string) =>
  passwords.verify({ format, columns: { password: hash }, ...(username && { username }) }, password);

describe('auto', () => {
  test.each([
    ['crypt-yescrypt', '$y$j75$abcdefgh$t5SEtj15BayxCNSYZj4/z9Dmy.qa1Hpy8HUZ1.bA5J4'],
    ['crypt-scrypt', '$7$C6..../....SodiumChloride$LlV98MfKxxZs2ZPV.9yF3a1J34gJNczSTvMaQA9oox3'],
    ['unix-sha1_crypt', '$sha1$100$abcd$c2bJHUN65RQXL5sGuo7.NupcK7H4'],
    ['unix-sun_md5_crypt', '$md5,rounds=10$abc$$6/myb2HBXIeI9d5viNoVW.'],
    ['unix-bsdi_crypt', '_J9..abcdIVND9ckZ/OA'],
    ['crypt-nt', '$3$$c2b6affa3d8e0c6696d65e126b744fe6'],
  ])('recognises %s', (format, hash) => {
    expect(passwords.identify({ format: 'auto', columns: { hash } })).toMatchObject({ format });
  });

  test.each(['abJnggxhB/yWI', 'abJnggxhB/yWIhHEYxRd8eKM', 'b4b9b02e6f09a9bd760f388b67351e2b'])(
    'does not guess at %s',
    (hash) => {
      expect(passwords.identify({ format: 'auto', columns: { hash } })).toMatchObject({
        reason: 'unrecognised',
      });
    },
  );
});

test('a stump of a marked hash is recognised, and malformed', () => {
  const columns = { hash: '$y$j9T$abcdefgh$74t5SE' };
  expect(passwords.identify({ format: 'auto', columns })).toMatchObject({ reason: 'malformed' });
});

describe('whatever crypt(3) returns', () => {
  test.each([
    'abJnggxhB/yWI',
    'abJnggxhB/yWIhHEYxRd8eKM',
    '_J9..abcdIVND9ckZ/OA',
    '$sha1$100$abcd$c2bJHUN65RQXL5sGuo7.NupcK7H4',
    '$md5,rounds=10$abc$$6/myb2HBXIeI9d5viNoVW.',
    '$3$$c2b6affa3d8e0c6696d65e126b744fe6',
    '$7$C6..../....SodiumChloride$LlV98MfKxxZs2ZPV.9yF3a1J34gJNczSTvMaQA9oox3',
    '$y$j9T$abcdefgh$74t5SEtj15BayxCNSYZj4/z9Dmy.qa1Hpy8HUZ1.bA5',
  ])('verifies alone and in a directory: %s', async (hash) => {
    expect(await verify('crypt', hash)).toMatchObject({ verified: true });
    expect(await verify('ldap', `{CRYPT}${hash}`)).toMatchObject({ verified: true });
    // DES looks at eight characters only, so the difference is the first.
    expect(await verify('crypt', hash, 'Passwordlonger')).toMatchObject({ verified: false });
  });

  test.each([
    ['$gy$j9T$abcdefgh$D0BrDYh9JusInVTycbDnFc11.j58yIf4VDagQmsdGi6', 'unsupported_algorithm'],
    ['$sm3$saltsalt$abcdefgh', 'unsupported_algorithm'],
    ['$2x$05$CCCCCCCCCCCCCCCCCCCCC.kEOwd8WJtkRH.Wjz6NiQVQqRr4gmaG6', 'unsupported_algorithm'],
    ['$y$/9T$abcdefgh$74t5SEtj15BayxCNSYZj4/z9Dmy.qa1Hpy8HUZ1.bA5', 'unsupported_algorithm'],
    // A ROM, and upgrades.
    ['$y$j9T5....$abcdefgh$74t5SEtj15BayxCNSYZj4/z9Dmy.qa1Hpy8HUZ1.bA5', 'unsupported_algorithm'],
    ['$y$j9T.$abcdefgh$74t5SEtj15BayxCNSYZj4/z9Dmy.qa1Hpy8HUZ1.bA5', 'malformed'],
    ['$y$j9k$abcdefgh$74t5SEtj15BayxCNSYZj4/z9Dmy.qa1Hpy8HUZ1.bA5', 'malformed'],
    ['$y$jTT$abcdefgh$74t5SEtj15BayxCNSYZj4/z9Dmy.qa1Hpy8HUZ1.bA5', 'parameters_out_of_bounds'],
    ['$y$j9T/z$abcdefgh$74t5SEtj15BayxCNSYZj4/z9Dmy.qa1Hpy8HUZ1.bA5', 'malformed'],
    ['$7$z6..../....salt$LlV98MfKxxZs2ZPV.9yF3a1J34gJNczSTvMaQA9oox3', 'parameters_out_of_bounds'],
    ['$7$C6....zzzzzsalt$LlV98MfKxxZs2ZPV.9yF3a1J34gJNczSTvMaQA9oox3', 'parameters_out_of_bounds'],
    ['$sha1$4294967295$abcd$c2bJHUN65RQXL5sGuo7.NupcK7H4', 'parameters_out_of_bounds'],
    ['$md5,rounds=4294963199$abc$$6/myb2HBXIeI9d5viNoVW.', 'parameters_out_of_bounds'],
    ['_zzzzabcdIVND9ckZ/OA', 'parameters_out_of_bounds'],
    ['_....abcdIVND9ckZ/OA', 'parameters_out_of_bounds'],
    ['*0', 'malformed'],
    ['!$6$saltsalt$abc', 'unusable'],
  ])('refuses %s unhashed: %s', async (hash, reason) => {
    expect(await verify('crypt', hash)).toMatchObject({ verified: false, reason });
  });
});

describe('accounts with a user name in their hash', () => {
  test.each([
    ['msdcc', '4dd8965d1d476fa0d026722989a6b772', '3060147285011'],
    ['msdcc2', '$DCC2$10240#tom#e4e938d12fe5974dc42a90120bd9c90f', 'Tom'],
  ])('%s open with it, in any case, and not without', async (format, hash, user) => {
    expect(await verify(format, hash, 'hashcat', user)).toMatchObject({ verified: true });
    expect(await verify(format, hash, 'hashcat', `${user}x`)).toMatchObject({ verified: false });
    expect(await verify(format, hash, 'hashcat')).toMatchObject({ reason: 'username_missing' });
  });

  test('msdcc2 with a million and more iterations is refused', async () => {
    const hash = '$DCC2$9999999#tom#e4e938d12fe5974dc42a90120bd9c90f';
    expect(await verify('msdcc2', hash, 'hashcat', 'tom')).toMatchObject({
      reason: 'parameters_out_of_bounds',
    });
  });
});
