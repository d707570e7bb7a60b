import { defineConfig } from 'vitest/config';
import LongestFirst from './test/support/longest-first.ts';

/** Tests that start a server of somebody else's making: skipped by name where it is not installed. */
const SERVER_TESTS = 'test/**/*.servers.test.ts';
/** Tests that break something on purpose, and tell a line of docs/faults.md. */
const FAULT_TESTS = 'test/**/*.faults.test.ts';

export default defineConfig({
  test: {
    // Processes, because the code under test starts worker threads of its own.
    pool: 'forks',
    // Tests wait for servers of others as much as they compute: a third keeps two cores busy.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    globalSetup: ['test/global-setup.ts'],
    setupFiles: ['test/support/fast-check-seed.ts', 'test/security/net-setup.ts'],
    reporters: ['default', './test/support/closing-line-reporter.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'core',
          include: ['test/**/*.test.ts'],
          // Where `test:servers` is run as well, what it runs need not be run twice. (`--exclude` does not reach a project.)
          exclude: [FAULT_TESTS, ...(process.env.FOOTBRIDGE_SERVERS_APART ? [SERVER_TESTS] : [])],
          testTimeout: 20_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'servers',
          include: [SERVER_TESTS],
          // Here a missing server is a failure.
          env: { FOOTBRIDGE_REQUIRE_SERVERS: '1' },
          testTimeout: 120_000,
          hookTimeout: 300_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'faults',
          include: [FAULT_TESTS],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'pictures',
          include: ['docs/screenshots.ts'],
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'zitadel',
          include: ['test/flows/zitadel/**/*.test.ts'],
          // Against the ZITADEL that ZITADEL_URL names; one file after another, for all of them set it up.
          env: { FOOTBRIDGE_REAL_ZITADEL: '1' },
          testTimeout: 120_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
