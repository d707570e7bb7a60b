/** The shelf of operations: one file and one line each. */

import type { Operation } from '../operation.ts';
import { advise } from './advise.ts';
import { approvalGrant } from './approval-grant.ts';
import { approvalList } from './approval-list.ts';
import { approvalRefuse } from './approval-refuse.ts';
import { approvalShow } from './approval-show.ts';
import { auditEvidence } from './audit-evidence.ts';
import { auditExport } from './audit-export.ts';
import { auditVerify } from './audit-verify.ts';
import { batchDrop } from './batch-drop.ts';
import { batchExportErrors } from './batch-export-errors.ts';
import { batchExportKept } from './batch-export-kept.ts';
import { batchList } from './batch-list.ts';
import { batchPause } from './batch-pause.ts';
import { batchPlan } from './batch-plan.ts';
import { batchRemedies } from './batch-remedies.ts';
import { batchRemind } from './batch-remind.ts';
import { batchRepair } from './batch-repair.ts';
import { batchReplay } from './batch-replay.ts';
import { batchResume } from './batch-resume.ts';
import { batchRun } from './batch-run.ts';
import { batchStatus } from './batch-status.ts';
import { batchTune } from './batch-tune.ts';
import { batchUndo } from './batch-undo.ts';
import { batchUsers } from './batch-users.ts';
import { batchVerify } from './batch-verify.ts';
import { claimExcept } from './claim-except.ts';
import { claimInvite } from './claim-invite.ts';
import { claimIssue } from './claim-issue.ts';
import { claimList } from './claim-list.ts';
import { claimOrganizations } from './claim-organizations.ts';
import { claimRevoke } from './claim-revoke.ts';
import { claimRules } from './claim-rules.ts';
import { claimShow } from './claim-show.ts';
import { claimStatus } from './claim-status.ts';
import { claimUnlink } from './claim-unlink.ts';
import { consoleInvite } from './console-invite.ts';
import { consoleSessions } from './console-sessions.ts';
import { consoleSignOut } from './console-sign-out.ts';
import { deliveryList } from './delivery-list.ts';
import { deliveryRetry } from './delivery-retry.ts';
import { keyList } from './key-list.ts';
import { keyRotate } from './key-rotate.ts';
import { legacySurvey } from './legacy-survey.ts';
import { mailCheck } from './mail-check.ts';
import { mailPreview } from './mail-preview.ts';
import { restored } from './restored.ts';
import { retireCheck } from './retire-check.ts';
import { retireFinish } from './retire-finish.ts';
import { retireRedirect } from './retire-redirect.ts';
import { retireStatus } from './retire-status.ts';
import { retireWipe } from './retire-wipe.ts';
import { rewriteList } from './rewrite-list.ts';
import { rewriteUnblock } from './rewrite-unblock.ts';
import { rolloutBatch } from './rollout-batch.ts';
import { rolloutCensus } from './rollout-census.ts';
import { rolloutCutOver } from './rollout-cut-over.ts';
import { rolloutFinish } from './rollout-finish.ts';
import { rolloutForecast } from './rollout-forecast.ts';
import { rolloutHistory } from './rollout-history.ts';
import { rolloutKept } from './rollout-kept.ts';
import { rolloutPause } from './rollout-pause.ts';
import { rolloutResume } from './rollout-resume.ts';
import { rolloutReturn } from './rollout-return.ts';
import { rolloutRollback } from './rollout-rollback.ts';
import { rolloutSet } from './rollout-set.ts';
import { rolloutShow } from './rollout-show.ts';
import { rolloutStart } from './rollout-start.ts';
import { rolloutSupport } from './rollout-support.ts';
import { rolloutSwitch } from './rollout-switch.ts';
import { schemaShow } from './schema-status.ts';
import { sessionEnd } from './session-end.ts';
import { sessionEndings } from './session-endings.ts';
import { sessionList } from './session-list.ts';
import { sessionShow } from './session-show.ts';
import { syncConflicts } from './sync-conflicts.ts';
import { syncDead } from './sync-dead.ts';
import { syncInstall, syncUninstall } from './sync-install.ts';
import { syncDrain, syncPause, syncResume } from './sync-pause.ts';
import { syncReconcile } from './sync-reconcile.ts';
import { syncRedrive } from './sync-redrive.ts';
import { syncReplay } from './sync-replay.ts';
import { syncReport, syncVerify } from './sync-report.ts';
import { syncResolve } from './sync-resolve.ts';
import { syncStart } from './sync-start.ts';
import { syncStatus } from './sync-status.ts';
import { syncStop } from './sync-stop.ts';
import { syncUser } from './sync-user.ts';
import { targetCheck } from './target-check.ts';
import { targetSetup } from './target-setup.ts';
import { targetTeardown } from './target-teardown.ts';
import { userDeactivate, userReactivate } from './user-deactivate.ts';
import { userErase } from './user-erase.ts';
import { userExport } from './user-export.ts';
import { userFlag } from './user-flag.ts';
import { userForget } from './user-forget.ts';
import { userLink } from './user-link.ts';
import { userMove } from './user-move.ts';
import { userReceipts } from './user-receipts.ts';
import { userRollback } from './user-rollback.ts';
import { userShow } from './user-show.ts';
import { workList } from './work-list.ts';
import { workRetry } from './work-retry.ts';

export const operations: readonly Operation[] = [
  userShow,
  userFlag,
  userMove,
  userLink,
  userRollback,
  userDeactivate,
  userReactivate,
  userForget,
  sessionList,
  sessionShow,
  sessionEnd,
  sessionEndings,
  deliveryList,
  deliveryRetry,
  workList,
  workRetry,
  legacySurvey,
  advise,
  batchPlan,
  batchList,
  batchStatus,
  batchRun,
  batchPause,
  batchResume,
  batchTune,
  batchUsers,
  batchReplay,
  batchExportErrors,
  batchVerify,
  batchRepair,
  batchRemedies,
  batchRemind,
  batchUndo,
  batchExportKept,
  batchDrop,
  claimIssue,
  claimInvite,
  claimStatus,
  claimList,
  claimShow,
  claimRevoke,
  claimRules,
  claimExcept,
  claimOrganizations,
  claimUnlink,
  syncInstall,
  syncStart,
  syncStatus,
  syncPause,
  syncResume,
  syncReconcile,
  syncConflicts,
  syncResolve,
  syncDead,
  syncRedrive,
  syncReplay,
  syncUser,
  syncDrain,
  syncStop,
  syncReport,
  syncVerify,
  syncUninstall,
  mailPreview,
  mailCheck,
  rewriteList,
  rewriteUnblock,
  targetSetup,
  targetCheck,
  targetTeardown,
  keyList,
  keyRotate,
  auditVerify,
  auditExport,
  schemaShow,
  approvalList,
  approvalShow,
  approvalGrant,
  approvalRefuse,
  consoleInvite,
  consoleSessions,
  consoleSignOut,
  rolloutSet,
  rolloutShow,
  rolloutStart,
  rolloutPause,
  rolloutResume,
  rolloutFinish,
  rolloutRollback,
  rolloutSwitch,
  rolloutSupport,
  rolloutHistory,
  retireCheck,
  retireRedirect,
  retireWipe,
  retireStatus,
  retireFinish,
  auditEvidence,
  rolloutCensus,
  rolloutForecast,
  rolloutBatch,
  rolloutReturn,
  rolloutKept,
  rolloutCutOver,
  userExport,
  userErase,
  userReceipts,
  restored,
];
