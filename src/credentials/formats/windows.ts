/** Windows and Samba: NT and LM hashes, smbpasswd(5) lines, and the credentials a domain member caches. */
import { isCodepage } from '../codepages.ts';
import { hex, integer } from '../encoding.ts';
import { format, formats } from '../format.ts';
import { hashOf } from '../hash.ts';
import { refuse } from '../reasons.ts';
import type { Source } from '../source.ts';

type Text = string | undefined;

const UTF16 = [{ step: 'utf16le' }] as const;
const HEX = '[0-9a-fA-F]{32}';

function parseNt(text: Text) {
  return hashOf('md4', { kind: 'plain', iterations: 1 }, { digest: hex(text), preparation: UTF16 });
}

/** The code page of the machine that set the password is a setting; cp437 is that of the United States. */
function parseLm(text: Text, { setting }: Source) {
  const codepage = setting('codepage') ?? 'cp437';
  if (!isCodepage(codepage)) return refuse('setting_missing');
  const preparation = [{ step: 'uppercase' }, { step: 'codepage', codepage }] as const;
  return hashOf('lm', {}, { digest: hex(text), preparation });
}

/** MD4 of the NT hash and the user name in small letters; version 2 has 10,240 iterations of PBKDF2 around that. */
function parseCached(kind: 'cached' | 'cached-pbkdf2', text: Text, user: Text, iterations: number) {
  const salt = user === undefined ? undefined : Buffer.from(user.toLowerCase(), 'utf16le');
  return hashOf('md4', { kind, iterations }, { salt, digest: hex(text), preparation: UTF16 });
}

export const windowsFormats = [
  ...formats(['nthash', 'passlib-nthash', 'ntlm', 'samba-nthash', 'ldap-samba-nthash'], {
    pattern: new RegExp(String.raw`^(?:\$NT\$|\{(?:NT|NTLM)\})?(${HEX})$`),
    read: ([, text]) => parseNt(text),
  }),
  ...formats(['lmhash', 'passlib-lmhash', 'samba-lmhash', 'ldap-samba-lmhash'], {
    pattern: new RegExp(String.raw`^(?:\$LM\$|\{(?:LM|LANMAN)\})?(${HEX})$`),
    read: ([, text], source) => parseLm(text, source),
  }),
  ...formats(['bsd_nthash', 'passlib-bsd_nthash', 'windows-bsd_nthash', 'unix-bsd_nthash'], {
    pattern: new RegExp(String.raw`^\$3\$\$(${HEX})$`),
    read: ([, text]) => parseNt(text),
  }),
  ...formats(['windows-nthash', 'windows-lm:nt', 'pwdump'], {
    pattern: new RegExp(String.raw`^(?:[^:\n]*:\d*:)?(?:[^:\n]{0,32}:)?(${HEX})(?::.*)?$`),
    read: ([, text]) => parseNt(text),
  }),
  /** `name:uid:LM:NT:[flags]:LCT-…:`; an account without a password has `NO PASSWORD` or X in place of the hash. */
  format({
    name: 'smbpasswd',
    pattern: new RegExp(
      `^[^:\\n]+:\\d+:[^:\\n]{32}:(?:(${HEX})|[NO PASWRDX*]{32}):\\[[^\\]\\n]*\\](?::[^\\n]*)?$`,
    ),
    mark: true,
    read: ([, text]) => (text === undefined ? refuse('unusable') : parseNt(text)),
  }),
  ...formats(['msdcc', 'passlib-msdcc', 'mscash', 'windows-msdcc'], {
    pattern: new RegExp(`^(?:M\\$[^#\\n]+#)?(${HEX})$`),
    needsUsername: true,
    read: ([, text], { username }) => parseCached('cached', text, username, 1),
  }),
  ...formats(['msdcc2', 'passlib-msdcc2', 'mscash2', 'windows-msdcc2'], {
    pattern: new RegExp(`^(?:\\$DCC2\\$(\\d{1,10})#[^#\\n]+#)?(${HEX})$`),
    needsUsername: true,
    read: ([, iterations = '10240', text], { username }) =>
      parseCached('cached-pbkdf2', text, username, integer(iterations)),
  }),
];
