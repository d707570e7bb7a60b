/** The shelf of operations: one file and one line each. */
import type { Operation } from '../operation.ts';
import { auditExport } from './audit-export.ts';
import { auditVerify } from './audit-verify.ts';
import { keyList } from './key-list.ts';
import { keyRotate } from './key-rotate.ts';
import { legacySurvey } from './legacy-survey.ts';
import { rewriteList } from './rewrite-list.ts';
import { rewriteUnblock } from './rewrite-unblock.ts';
import { schemaShow } from './schema-status.ts';
import { userFlag } from './user-flag.ts';
import { userShow } from './user-show.ts';

export const operations: readonly Operation[] = [
  userShow,
  userFlag,
  legacySurvey,
  rewriteList,
  rewriteUnblock,
  keyList,
  keyRotate,
  auditVerify,
  auditExport,
  schemaShow,
];
