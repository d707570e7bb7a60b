/** The machine with our PostgreSQL is lost in the middle of logins, and its standby takes over. */
import { execFile } from 'node:child_process';
import { appendFile, chmod, chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, test, vi } from 'vitest';
import { Line } from '../../legacy/line.ts';
import { codeOf } from '../../provider/harness.ts';
import { tellFault } from '../../support/fault-row.ts';
import { openClosing } from './closing.ts';
import { LIMIT_MS, LONG, randomOf, SEED } from './form.ts';
import type { OwnPostgres } from './own-postgres.ts';
import { openOwnPostgres } from './own-postgres.ts';
import { isIn, openPlace, redeem, settled, silently, untilSo } from './place.ts';
import { seconds, Tally } from './tally.ts';

vi.setConfig({ testTimeout: LIMIT_MS, hookTimeout: LIMIT_MS });

const closing = openClosing();
afterEach(closing.close);

const BACK_WITHIN_MS = 30_000;
const CODES = LONG ? 200 : 30;

/** A copy of it that follows it, and that it waits for at every commit. */
async function openStandby(primary: OwnPostgres, folder: string): Promise<OwnPostgres> {
  const copy = join(folder, 'standby');
  await primary.stop();
  await promisify(execFile)('cp', ['-a', primary.folder, copy]);
  await primary.start();
  const data = join(copy, 'cluster', 'data');
  const { uid, gid } = await stat(data);
  const signal = join(data, 'standby.signal');
  await writeFile(signal, '');
  await chown(signal, uid, gid);
  await appendFile(
    join(data, 'postgresql.auto.conf'),
    `primary_conninfo = '${primary.url('postgres').replaceAll("'", "''")}'\n`,
  );
  const standby = await openOwnPostgres(copy);
  const follows = `select 1 from pg_stat_replication where state = 'streaming'`;
  await expect.poll(() => primary.sql('postgres', follows), { timeout: BACK_WITHIN_MS }).toHaveLength(1);
  await primary.sql('postgres', `alter system set synchronous_standby_names = '*'`);
  await primary.sql('postgres', 'select pg_reload_conf()');
  const waits = `select 1 from pg_stat_replication where sync_state = 'sync'`;
  await expect.poll(() => primary.sql('postgres', waits), { timeout: BACK_WITHIN_MS }).toHaveLength(1);
  return standby;
}

test(`a code that was redeemed stays so on a standby that takes over (FOOTBRIDGE_SEED=${SEED})`, async () => {
  const folder = await mkdtemp(join(tmpdir(), `footbridge-test-${process.pid}-`));
  await chmod(folder, 0o755);
  closing.keep(folder, () => rm(folder, { recursive: true, force: true }));
  const primary = closing.keep(await openOwnPostgres(join(folder, 'primary')), ({ close }) => close());
  await primary.ensureDatabase('footbridge');
  const standby = closing.keep(await openStandby(primary, folder), ({ close }) => close());
  const current = { port: primary.port };
  const line = closing.keep(new Line(() => connect(current.port, '127.0.0.1')), (opened) => opened.close());
  const port = String(await line.listen());
  const databaseUrl = Object.assign(new URL(primary.url('footbridge')), { port }).href;
  const place = closing.keep(await openPlace({ databaseUrl }), ({ close }) => close());

  const { browser } = await settled(place);
  const codes: string[] = [];
  while (codes.length < CODES) codes.push(codeOf((await silently(place, browser)).location));
  const tally = new Tally();
  const given: string[] = [];
  const killedAt = Math.floor(randomOf(SEED)() * CODES * 0.8);
  let killed: Promise<void> | undefined;
  for (const [at, code] of codes.entries()) {
    if (at === killedAt) killed = primary.kill();
    const answer = await tally.ask('/token', () => redeem(place, code));
    if (answer?.status === 200) given.push(code);
  }
  await killed;
  current.port = standby.port;
  await standby.sql('postgres', 'select pg_promote()');
  const backMs = await untilSo(async () => isIn(await silently(place, browser)), BACK_WITHIN_MS);
  const again = await Promise.all(given.map((code) => redeem(place, code)));
  const doubled = again.filter(({ status }) => status === 200).length;
  expect(doubled).toBe(0);
  expect(given.length).toBeGreaterThanOrEqual(killedAt);
  expect(tally.count(503)).toBeGreaterThan(0);
  expect([tally.unexplained, tally.unanswered]).toEqual([[], []]);
  tellFault({
    id: 'R15',
    fault: 'PostgreSQL killed (-9) while codes are redeemed, and its synchronous standby promoted',
    load: `${CODES} codes: ${tally}; each that was given redeemed again afterwards`,
    lost: 0,
    doubled,
    unexplained5xx: tally.unexplained.length,
    recovery: `the same session goes on ${seconds(backMs)} after the standby took over`,
  });
});
