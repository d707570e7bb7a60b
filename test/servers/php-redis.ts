/** PHP itself with its sessions in Redis, by the extension phpredis. */
import { spawnSync } from 'node:child_process';
import type { Requirement } from '../support/requires.ts';
import { requires } from '../support/requires.ts';
import type { Redis } from './redis.ts';

/** For `describe.skipIf(requiresPhpRedis().skip)(…)`. */
export function requiresPhpRedis(): Requirement {
  const php = requires('PHP on Redis', 'php');
  if (php.skip || /^redis$/m.test(spawnSync(php.path!, ['-m'], { encoding: 'utf8' }).stdout)) return php;
  const missing = 'PHP has no extension redis: apt-get install php-redis';
  if (process.env.FOOTBRIDGE_REQUIRE_SERVERS === '1') throw new Error(missing);
  return { path: undefined, skip: true, name: `PHP on Redis [skipped: ${missing}]` };
}

/** Runs PHP after `session_start()` of the session with this id; what it prints. */
export function inPhpSession({ port, password }: Redis, id: string, code: string): string {
  const settings = {
    'session.save_handler': 'redis',
    'session.save_path': `tcp://127.0.0.1:${port}?auth=${password}`,
    'session.use_cookies': '0',
    'session.gc_maxlifetime': '1800',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-d', `${name}="${value}"`]);
  const start = `session_id(${JSON.stringify(id)}); session_start();`;
  const ran = spawnSync(requiresPhpRedis().path!, [...options, '-r', `${start} ${code}`], {
    encoding: 'utf8',
  });
  if (ran.status !== 0) throw new Error(ran.stderr || ran.stdout);
  return ran.stdout;
}
