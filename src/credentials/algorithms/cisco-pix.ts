import { createHash } from 'node:crypto';
import type { Algorithm } from '../algorithm.ts';
import { cryptBase64 } from '../encoding.ts';

export interface CiscoPixParameters {
  /** ASA (7.0 and later) takes 32 bytes of password, PIX 16. */
  readonly model: 'pix' | 'asa';
}

/** Longer passwords open nothing: the device refuses to set them. */
const MAX_BYTES = { pix: 16, asa: 32 } as const;
/** From here on ASA leaves out the user name. */
const LONG_BYTES = 28;

/** Cisco PIX and ASA `encrypted` (as passlib describes them); the salt is the user name, repeated to four bytes. */
export const ciscoPixAlgorithm: Algorithm<CiscoPixParameters> = {
  label: ({ model }) => `cisco-${model}`,
  admits: () => true,
  derive(password, { parameters: { model }, salt }) {
    if (password.length > MAX_BYTES[model]) return Buffer.alloc(0);
    const takesUser = salt.length > 0 && (model === 'pix' || password.length < LONG_BYTES);
    const message = Buffer.concat([password, takesUser ? Buffer.alloc(4, salt) : Buffer.alloc(0)]);
    const padded = Buffer.alloc(model === 'asa' && message.length > 16 ? 32 : 16);
    // What does not fit is the end of the user name.
    message.copy(padded);
    const digest = createHash('md5').update(padded).digest();
    return Buffer.from(cryptBase64(digest.filter((_, at) => at % 4 !== 3)), 'ascii');
  },
};
