/** The files that take minutes begin first: one of them at the end would have every other worker wait for it. */
import type { TestSpecification } from 'vitest/node';
import { BaseSequencer } from 'vitest/node';

/** By far the longest; the size of a file, by which the runner goes otherwise, says nothing of them. */
const LONGEST = [
  'test/flows/batch/kill.faults.test.ts',
  'test/flows/sync/zitadel-passwords.test.ts',
  'test/flows/sync/operator.test.ts',
  'test/flows/sync/keycloak.servers.test.ts',
  'test/flows/batch/keycloak.servers.test.ts',
];

export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rank = ({ moduleId }: TestSpecification) => {
      const at = LONGEST.findIndex((file) => moduleId.endsWith(file));
      return at < 0 ? LONGEST.length : at;
    };
    return sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}
