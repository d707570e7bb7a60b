/** Before `npm run test:zitadel`: says once what is not set, instead of in every file. */
import { realZitadel } from './real.ts';

try {
  realZitadel({ ...process.env, FOOTBRIDGE_REAL_ZITADEL: '1' });
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 2;
}
