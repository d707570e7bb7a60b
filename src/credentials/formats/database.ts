/** Database servers' own accounts. */
import { digestHash } from '../digests.ts';
import { hex, utf8 } from '../encoding.ts';
import { format } from '../format.ts';
import { hashOf } from '../hash.ts';

export const databaseFormats = [
  format({
    name: 'mysql41',
    pattern: /^\*([0-9A-F]{40})$/i,
    mark: true,
    read: ([, text]) => digestHash('sha1', { digest: hex(text) }, { iterations: 2 }),
  }),
  format({
    name: 'mysql323',
    pattern: /^[0-9a-f]{16}$/i,
    read: ([text]) => hashOf('mysql323', {}, { digest: hex(text), preparation: [{ step: 'remove-blanks' }] }),
  }),
  /** The role's name is the salt. */
  format({
    name: 'postgres_md5',
    pattern: /^md5([0-9a-f]{32})$/,
    needsUsername: true,
    read: ([, text], { username }) =>
      digestHash('md5', { salt: utf8(username), digest: hex(text) }, { salt: 'suffix' }),
  }),
  format({
    name: 'oracle11',
    pattern: /^S:([0-9A-F]{40})([0-9A-F]{20})(?:;.*)?$/i,
    mark: true,
    read: ([, digest, salt]) =>
      digestHash('sha1', { salt: hex(salt), digest: hex(digest) }, { salt: 'suffix' }),
  }),
  format({
    name: 'mssql2005',
    pattern: /^0x0100([0-9A-F]{8})([0-9A-F]{40})$/i,
    mark: true,
    read: ([, salt, digest]) =>
      digestHash(
        'sha1',
        { salt: hex(salt), digest: hex(digest), preparation: [{ step: 'utf16le' }] },
        { salt: 'suffix' },
      ),
  }),
];
