/**
 * What some stores do to a password before they hash it, as data. A store that does nothing has no steps, and then
 * nothing happens to the password: no trimming, no normalising.
 */
import { createHash, createHmac } from 'node:crypto';
import type { DigestName } from './algorithm.ts';
import type { Codepage } from './codepages.ts';
import { inCodepage } from './codepages.ts';
import { saslprep } from './saslprep.ts';

type Written = 'hex' | 'base64';

export type PreparationStep =
  | { readonly step: 'normalize'; readonly form: 'NFC' | 'NFKC' }
  /** PHP's htmlspecialchars with ENT_COMPAT. */
  | { readonly step: 'escape-html' }
  | { readonly step: 'remove-blanks' }
  | { readonly step: 'utf16le' | 'utf16be' | 'uppercase' }
  /** Every byte followed by a zero. */
  | { readonly step: 'widened' }
  /** RFC 4013; a password that it forbids is taken as it is, as PostgreSQL does. */
  | { readonly step: 'saslprep' }
  /** Single bytes as MS-DOS wrote them. Throws where a character has none. */
  | { readonly step: 'codepage'; readonly codepage: Codepage }
  | { readonly step: 'prepend' | 'append'; readonly bytes: Uint8Array }
  /** `overBytes`: only passwords longer than that are digested. */
  | {
      readonly step: 'digest';
      readonly digest: DigestName;
      readonly as: Written;
      readonly overBytes?: number;
    }
  | { readonly step: 'hmac'; readonly digest: DigestName; readonly key: Uint8Array; readonly as: Written };

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

export function prepare(password: Buffer, steps: readonly PreparationStep[]): Buffer {
  return steps.reduce(take, password);
}

function take(password: Buffer, step: PreparationStep): Buffer {
  const rewrite = (change: (text: string) => string) =>
    Buffer.from(change(password.toString('utf8')), 'utf8');
  switch (step.step) {
    case 'normalize':
      return rewrite((text) => text.normalize(step.form));
    case 'escape-html':
      return rewrite((text) => text.replace(/[&<>"]/g, (character) => ENTITIES[character]!));
    case 'remove-blanks':
      return rewrite((text) => text.replace(/[ \t]/g, ''));
    case 'utf16le':
      return Buffer.from(password.toString('utf8'), 'utf16le');
    case 'widened':
      return Buffer.from(password.toString('latin1'), 'utf16le');
    case 'utf16be':
      return Buffer.from(password.toString('utf8'), 'utf16le').swap16();
    case 'uppercase':
      return rewrite((text) => text.toUpperCase());
    case 'saslprep':
      return rewrite(saslprep);
    case 'codepage':
      return inCodepage(password.toString('utf8'), step.codepage);
    case 'prepend':
      return Buffer.concat([step.bytes, password]);
    case 'append':
      return Buffer.concat([password, step.bytes]);
    case 'digest':
      if (password.length <= (step.overBytes ?? -1)) return password;
      return Buffer.from(createHash(step.digest).update(password).digest(step.as), 'ascii');
    case 'hmac':
      return Buffer.from(createHmac(step.digest, step.key).update(password).digest(step.as), 'ascii');
  }
}

/** Whether the step leaves an ordinary password as it is, so that the plain hash holds for most users. */
export function isConditional(step: PreparationStep): boolean {
  return (
    step.step === 'normalize' ||
    step.step === 'escape-html' ||
    step.step === 'saslprep' ||
    (step.step === 'digest' && step.overBytes !== undefined)
  );
}
