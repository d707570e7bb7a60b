import { lastReport } from '../../survey/checkpoints.ts';
import { hashCoverage } from '../hash-coverage.ts';
import { offer } from '../offers.ts';
import { definePage } from '../page.ts';

/** What becomes of the passwords, as the last survey found them: nothing is read of the legacy store here. */
export const hashesPage = definePage({
  path: 'hashes',
  title: 'Hash coverage',
  menu: { group: 'Move', order: 40 },
  async load({ db, targets }, { who }) {
    const report = await lastReport(db, 'legacy');
    const names = targets.all.map(({ name }) => name);
    const survey = report
      ? { label: 'Read it anew', input: { restart: 'true' } }
      : { label: 'Begin the survey' };
    return {
      template: 'hashes',
      data: {
        coverage: report ? hashCoverage(report, names) : null,
        survey: offer(who, { operation: 'legacy survey', ...survey })[0],
      },
    };
  },
});
