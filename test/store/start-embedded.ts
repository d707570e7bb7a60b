/** Started by embedded.test.ts as a process of its own: starts PostgreSQL on argv[2], says so, and lives until killed. */
import { startEmbeddedPostgres } from '../../src/store/embedded.ts';

const [, , dataDir = ''] = process.argv;
try {
  const { port } = await startEmbeddedPostgres({ dataDir, fast: true });
  process.stdout.write(`port ${port}\n`);
  process.stdin.resume();
} catch (error) {
  process.stdout.write(`${(error as Error).name}: ${(error as Error).message}\n`);
}
