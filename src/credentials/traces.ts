/** What this room keeps about one person. The counters of passkeys are kept by the key's digest: nobody finds a person by it. */
import type { Trace } from '../store/traces.ts';
import { MACS } from '../store/traces.ts';
import { codeOwner } from './factor-uses.ts';

export const credentialTraces: readonly Trace[] = [
  {
    place: 'recovery_code_uses',
    holds: 'Recovery codes that they have used.',
    rows: `subject = any(${MACS})`,
    macOf: codeOwner,
    hidden: ['code', 'subject'],
    secret: { isOfAll: true },
  },
];
