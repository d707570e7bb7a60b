/** The patterns of ZITADEL's migration guide: what each is, which page describes it, and the way back. */
import { LOST_BY_REVERT } from '../../migration/states.ts';
import type { PatternName } from './flowchart.ts';

export interface Pattern {
  readonly title: string;
  readonly sentence: string;
  readonly page: string;
  readonly back: string;
  readonly lost: string;
}

const LOST_OF_MOVED = LOST_BY_REVERT.migrated!;

export const PATTERNS: Readonly<Record<PatternName, Pattern>> = {
  batch: {
    title: 'Batch',
    sentence: 'Everybody is made at ZITADEL in one run, with hash and second factor, before the apps switch.',
    page: 'docs/patterns/batch.md',
    back: 'Point the apps at the legacy system again. It was only read, so it is as it was.',
    lost: LOST_OF_MOVED,
  },
  'zitadel-leads': {
    title: 'Just in time, ZITADEL leads',
    sentence:
      'People type their password at ZITADEL, which asks Footbridge about those whose password it lacks.',
    page: 'docs/patterns/zitadel-leads.md',
    back: 'Point the apps at the legacy system again, and `footbridge user rollback <sub> --target zitadel` for those who moved.',
    lost: LOST_OF_MOVED,
  },
  'legacy-leads': {
    title: 'Just in time, the legacy system leads',
    sentence:
      'People begin at the legacy system, which makes them at ZITADEL and sends them there when it is their turn.',
    page: 'docs/patterns/legacy-leads.md',
    back: 'Let the legacy system send nobody any more, and `footbridge user rollback <sub> --target zitadel` for those who moved.',
    lost: LOST_OF_MOVED,
  },
  brokering: {
    title: 'Parallel sessions by brokering',
    sentence:
      'ZITADEL sends people to Footbridge as its identity provider; one login opens old and new apps.',
    page: 'docs/patterns/brokering.md',
    back: 'Switch each app back by itself, and `footbridge user rollback <sub> --target zitadel` for those who moved.',
    lost: LOST_OF_MOVED,
  },
  'jwt-idp': {
    title: 'JWT IdP',
    sentence:
      'Who is logged in at the legacy system is handed over to ZITADEL with a signed token of a few seconds.',
    page: 'docs/patterns/jwt-idp.md',
    back: 'Switch each app back by itself: passwords have never left the legacy system.',
    lost: 'What people have set up at ZITADEL since: profile, second factors, roles.',
  },
};
