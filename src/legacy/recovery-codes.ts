/** Recovery codes out of their rows, lists and texts. */
import type { RecoveryCode } from '../user.ts';
import { decrypted } from './decryption.ts';
import type { RecoveryCodeMapping } from './factor-settings.ts';
import type { Scope } from './fields.ts';
import { parseJson, unmappable, valuesOf } from './fields.ts';
import { scopesOf } from './rows.ts';
import { textOf } from './values.ts';

/** Each hashed one costs a verification per try. */
const MAX_CODES = 50;

export function recoveryCodesOf(mapping: RecoveryCodeMapping, record: Scope): RecoveryCode[] {
  const { recipe, settings, encryption } = mapping;
  const format = mapping.format ?? (recipe === undefined ? undefined : 'recipe');
  const texts = scopesOf(mapping, record).flatMap((scope) =>
    valuesOf(mapping.codes, scope)
      .map((value) => (encryption ? decrypted(encryption, value, scope, 'recoveryCodes: they') : value))
      .flatMap(membersOf)
      .map(textIn)
      .filter((text) => text !== ''),
  );
  if (texts.length > MAX_CODES) throw unmappable(`recoveryCodes: more than ${MAX_CODES} for one user`);
  if (format === undefined) return texts.map((code) => ({ code }));
  const revealed = Object.entries(settings ?? {}).map(([name, value]) => [name, value.reveal()]);
  const site = settings ? { settings: Object.fromEntries(revealed) } : {};
  const how = { format, ...(recipe === undefined ? {} : { recipe }) };
  return texts.map((hash) => ({ hash: { ...how, columns: { hash }, ...site } }));
}

function textIn(member: unknown): string {
  const text = textOf(member);
  if (text === undefined) throw unmappable('recoveryCodes: a code is no text');
  return text.trim();
}

/** JSON lists, and PHP's: `a:2:{i:0;s:3:"one";i:1;s:3:"two";}`. Anything else is one code. */
function membersOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  const text = textOf(value)?.trim() ?? '';
  if (text.startsWith('[')) return [parseJson(text, 'recoveryCodes')].flat();
  if (/^a:\d+:\{/.test(text)) return [...text.matchAll(/s:\d+:"([^"]*)";/g)].map((match) => match[1]);
  return [text];
}
