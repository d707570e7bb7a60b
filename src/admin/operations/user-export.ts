import { z } from 'zod';
import { FootbridgeError } from '../../errors.ts';
import { signWithProvider } from '../../provider/keys.ts';
import { sectionsPage, sectionsText } from '../batch/sections.ts';
import { exportSections } from '../data-protection/export-text.ts';
import { digestOf, everythingAbout, isComplete, knowsNobody } from '../data-protection/exporting.ts';
import { keepReceipt, signReceipt } from '../data-protection/receipts.ts';
import { defineOperation } from '../operation.ts';

export const userExport = defineOperation({
  name: 'user export',
  summary:
    'Everything on all sides about one person, for whoever asks for their own data: the legacy store, the targets, and all that is kept here. No secret is in it. A signed receipt says that it was handed out.',
  input: z.strictObject({ user: z.string().min(1).max(255).describe('The sub.') }),
  changes: false,
  role: 'admin',
  async run(desk, { user: sub }) {
    const now = new Date();
    const everything = await everythingAbout(desk, sub, now);
    if (knowsNobody(everything)) throw new FootbridgeError('user_not_found');
    const { legacy, targets, here } = everything;
    const sha256 = digestOf(everything);
    const detail = {
      complete: isComplete(everything),
      legacy: legacy.kind,
      targets: Object.fromEntries(targets.map(({ target, kind }) => [target, kind])),
      here: Object.fromEntries(here.map(({ place, rows }) => [place, rows.length])),
      sha256,
    };
    const sign = (payload: object) => signWithProvider(desk.db, desk.keyring, payload);
    const signed = await signReceipt({ ...desk, sign }, { kind: 'export', sub, detail, now });
    await keepReceipt(desk.db, signed);
    return { everything, sha256, receipt: signed.receipt, jws: signed.jws, complete: detail.complete };
  },
  print: ({ everything, receipt, jws, complete }) =>
    [
      sectionsText(exportSections(everything)),
      '',
      complete ? 'All sides have answered.' : 'Not all sides have answered: say it again later.',
      `Receipt ${receipt.id} is kept: footbridge user receipts --user ${everything.sub}`,
      jws,
    ].join('\n'),
  page: ({ everything }) => sectionsPage(`What is known of ${everything.sub}`, exportSections(everything)),
  foundWrong: ({ complete }) => !complete,
});
