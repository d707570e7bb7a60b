/** The shelf of pages: one file, one template and one line each. The menu shows them by group and order. */
import type { ConsolePage } from '../page.ts';
import { approvalsPage } from './approvals.ts';
import { auditTrailPage } from './audit.ts';
import { batchPage } from './batch.ts';
import { batchesPage } from './batches.ts';
import { claimsPage } from './claims.ts';
import { forecastPage } from './forecast.ts';
import { hashesPage } from './hashes.ts';
import { healthPage } from './health.ts';
import { lettersPage } from './letters.ts';
import { loginsPage } from './logins.ts';
import { operationsPage } from './operations.ts';
import { overviewPage } from './overview.ts';
import { phasePage } from './phase.ts';
import { planPage } from './plan.ts';
import { rolloutPage } from './rollout.ts';
import { rolloutTargetPage } from './rollout-target.ts';
import { sessionsPage } from './sessions.ts';
import { settingsPage } from './settings.ts';
import { syncPage } from './sync.ts';
import { userPage } from './user.ts';
import { usersPage } from './users.ts';

export const pages: readonly ConsolePage[] = [
  approvalsPage,
  operationsPage,
  overviewPage,
  rolloutPage,
  rolloutTargetPage,
  phasePage,
  planPage,
  loginsPage,
  hashesPage,
  forecastPage,
  usersPage,
  userPage,
  batchesPage,
  batchPage,
  syncPage,
  claimsPage,
  sessionsPage,
  lettersPage,
  auditTrailPage,
  settingsPage,
  healthPage,
];
