import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { signWithProvider } from '../../provider/keys.ts';
import type { Erasing } from '../data-protection/erasing.ts';
import { erase, foresee, isDone } from '../data-protection/erasing.ts';
import { hereLines, sideLines } from '../data-protection/erasure-text.ts';
import { tracesOf } from '../data-protection/places.ts';
import { keepReceipt, signReceipt } from '../data-protection/receipts.ts';
import type { Desk } from '../operation.ts';
import { defineOperation } from '../operation.ts';

export const userErase = defineOperation({
  name: 'user erase',
  summary:
    'Erases one person on all sides, for whoever asks for it: their sessions, at every target, in the legacy store, and here. A tombstone stays, so that nobody makes them again, and the audit log under a pseudonym. Saying it again goes on where it was cut off, and looks whether what is to be done by hand was. A signed receipt says what became of each side.',
  input: z.strictObject({
    user: z.string().min(1).max(255).describe('The sub.'),
    alsoTheirs: z
      .boolean()
      .default(false)
      .describe('Also removes them at targets that had them before us; else only the link goes there.'),
  }),
  changes: true,
  role: 'admin',
  danger: true,
  async run(desk, { user: sub, alsoTheirs }, { execute }) {
    const erasing = { sub, alsoTheirs };
    const foreseen = await foresee(desk, erasing);
    const here = await tracesOf(desk, sub);
    const isKnown = foreseen.legacy.did !== 'gone' || foreseen.targets.some(({ did }) => did !== 'nobody');
    if (!isKnown && here.length === 0) throw new FootbridgeError('user_not_found');
    if (!execute) return { executed: false as const, sub, ...foreseen, here };
    return { executed: true as const, sub, ...(await withReceipt(desk, erasing)) };
  },
  print: (output) =>
    output.executed
      ? [
          output.done
            ? `${output.sub} is erased.`
            : `${output.sub} is not erased everywhere yet. When what is named below is done, say it again.`,
          ...sideLines(output, true),
          ...hereLines(output),
          `Receipt ${output.receipt.id} is kept: footbridge user receipts --user ${output.sub}`,
          output.jws,
        ].join('\n')
      : [
          `Would erase ${output.sub}, for good:`,
          ...sideLines(output, false),
          `  here         everything in these places, but for the tombstone and pseudonyms: ${output.here.map(({ place, rows }) => `${place} (${rows})`).join(', ') || 'nothing is kept'}`,
          'Nothing was changed: add --execute.',
        ].join('\n'),
  foundWrong: (output) => output.executed && !output.done,
});

async function withReceipt(desk: Desk, erasing: Erasing) {
  const sign = (payload: object) => signWithProvider(desk.db, desk.keyring, payload);
  // Whoever cannot sign for it does not begin.
  await sign({});
  const erasure = await erase(desk, erasing);
  const done = isDone(erasure);
  const rowsBy = (found: readonly { readonly place: string; readonly rows: number }[]) =>
    Object.fromEntries(found.map(({ place, rows }) => [place, rows]));
  const detail = {
    state: done ? 'done' : 'waits',
    legacy: erasure.legacy.did,
    targets: Object.fromEntries(erasure.targets.map(({ target, did }) => [target, did])),
    erased: rowsBy(erasure.erased),
    left: rowsBy(erasure.left),
  };
  const now = new Date();
  const signed = await signReceipt({ ...desk, sign }, { kind: 'erasure', sub: erasing.sub, detail, now });
  await keepReceipt(desk.db, signed);
  return { done, ...erasure, ...signed };
}
