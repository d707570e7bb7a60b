/** phpass, Drupal 7 and the strings of crypt(3), whose salt and digest are text already. */
import { asText, cryptCharacter } from '../encoding.ts';
import type { HashOf, ParsedHash } from '../hash.ts';
import type { Writer, Written } from '../written.ts';
import { bounded, within } from '../written.ts';

const tail = ({ salt, digest }: ParsedHash) => `${asText(salt)}$${asText(digest)}`;

function isMd5crypt(hash: ParsedHash): hash is HashOf<'md5crypt'> {
  return hash.algorithm === 'md5crypt' && hash.parameters.magic === '1';
}

type ShaCrypt = 'sha256crypt' | 'sha512crypt' | 'sha256crypt-kratos' | 'sha512crypt-kratos';

function shaCrypt(digest: 'sha256' | 'sha512', id: string): Writer<ShaCrypt> {
  return (hash, accepted) => {
    if (hash.algorithm !== 'sha-crypt' || hash.parameters.digest !== digest) return undefined;
    const { rounds, saysRounds } = hash.parameters;
    // MySQL's caching_sha2_password has twenty bytes of salt, of which crypt(3) would take sixteen.
    if (hash.salt.length > 16) return { reason: 'salt_not_representable' };
    const text = `$${id}$${saysRounds ? `rounds=${rounds}$` : ''}${tail(hash)}`;
    return bounded(within(rounds, accepted.rounds), text, accepted);
  };
}

/** Kratos' library reads no crypt string without a salt. */
function salted<W extends ShaCrypt | 'md5crypt-kratos'>(write: Writer<W>): Writer<W> {
  return (hash, accepted): Written => {
    const written = write(hash, accepted);
    return written && hash.salt.length === 0 ? { reason: 'salt_not_representable' } : written;
  };
}

export const cryptWriters = {
  phpass(hash, accepted) {
    if (hash.algorithm !== 'phpass') return undefined;
    const { prefix, log2Rounds } = hash.parameters;
    const text = `$${prefix}$${cryptCharacter(log2Rounds)}${asText(hash.salt)}${asText(hash.digest)}`;
    return bounded(within(log2Rounds, accepted.log2Rounds), text, accepted);
  },
  drupal7(hash, accepted) {
    if (hash.algorithm !== 'drupal7') return undefined;
    const { log2Rounds } = hash.parameters;
    const text = `$S$${cryptCharacter(log2Rounds)}${asText(hash.salt)}${asText(hash.digest)}`;
    return bounded(within(2 ** log2Rounds, accepted.rounds), text, accepted);
  },
  md5crypt: (hash, accepted) => (isMd5crypt(hash) ? bounded(true, `$1$${tail(hash)}`, accepted) : undefined),
  sha256crypt: shaCrypt('sha256', '5'),
  sha512crypt: shaCrypt('sha512', '6'),
  'md5crypt-kratos': salted((hash, accepted) =>
    isMd5crypt(hash) ? bounded(true, `$md5-crypt$${tail(hash)}`, accepted) : undefined,
  ),
  'sha256crypt-kratos': salted(shaCrypt('sha256', 'sha256-crypt')),
  'sha512crypt-kratos': salted(shaCrypt('sha512', 'sha512-crypt')),
} satisfies { [W in 'phpass' | 'drupal7' | 'md5crypt' | 'md5crypt-kratos' | ShaCrypt]: Writer<W> };
