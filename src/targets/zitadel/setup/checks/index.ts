/** What can be looked at before and after we are set up at ZITADEL. */
import type { Check } from '../../../setup.ts';
import type { Context } from '../context.ts';
import { connectionChecks } from './connection.ts';
import { hookChecks } from './hooks.ts';
import { policyChecks } from './policies.ts';
import { referenceChecks } from './references.ts';

export const checksOf = (context: Context): Check[] => [
  ...connectionChecks(context),
  ...hookChecks(context),
  ...policyChecks(context),
  ...referenceChecks(context),
];
