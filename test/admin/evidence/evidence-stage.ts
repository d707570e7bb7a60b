/** A database with a little of everything that a pack holds, and a desk to write it from. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writePack } from '../../../src/admin/evidence/packing.ts';
import type { Desk } from '../../../src/admin/operation.ts';
import { ensureKeys } from '../../../src/provider/keys.ts';
import { Secret } from '../../../src/settings.ts';
import { appendAudit, openAuditLog } from '../../../src/store/audit-log.ts';
import { openDb } from '../../../src/store/db.ts';
import { openKeyring } from '../../../src/store/encryption.ts';
import type { Target } from '../../../src/targets/target.ts';
import { execute } from '../../support/database.ts';
import { testDatabase } from '../../support/postgres.ts';

const TARGET = 'new-one';
const PEOPLE = 6;

export type EvidenceStage = Awaited<ReturnType<typeof openEvidenceStage>>;

export async function openEvidenceStage() {
  const folder = mkdtempSync(join(tmpdir(), 'footbridge-evidence-'));
  const database = await testDatabase();
  const db = openDb({ url: database.url });
  const keyring = openKeyring(new Secret(randomBytes(32).toString('base64')));
  const audit = openAuditLog({ db, keyring });
  await ensureKeys(db, keyring);
  const sql = (text: string, values?: unknown[]) => execute(database.url, text, values);
  for (let id = 1; id <= PEOPLE; id += 1) {
    const sub = `shop:${id}`;
    const state = id === PEOPLE ? 'deleted' : 'retired';
    await sql(
      `insert into ledger (target, sub, legacy_id, state, from_state) values ($1, $2, $3, $4, 'migrated')`,
      [...[TARGET, sub, String(id), state]],
    );
    await sql(
      `insert into wipes (target, sub, link, wiped) values ($1, $2, 'local', '{"captured_passwords": 1}')`,
      [...[TARGET, sub]],
    );
    const subject = audit.pseudonym(sub);
    await appendAudit(db, {
      actor: 'target:new-one',
      action: 'secrets.released',
      subject,
      detail: { target: TARGET },
    });
    await appendAudit(db, { actor: 'operator:erika', action: 'retirement.wiped', subject });
  }
  await appendAudit(db, {
    actor: 'operator:erika',
    action: 'rollout.set',
    detail: { version: 1, note: 'two\u2028lines\r to others' },
  });
  const target = {
    name: TARGET,
    kind: 'kratos',
    clientIds: [],
    loginUrl: 'https://new.example',
  } as unknown as Target;
  const desk = {
    ...{ db, keyring, audit, actor: 'operator:erika', issuer: 'https://old.example', files: true },
    ...{ legacySettings: { password: new Secret('swordfish') }, lifetimes: {}, targets: { all: [target] } },
    reconcile: { softwareVersion: '1.2.3' },
  } as unknown as Desk;
  let packs = 0;
  return {
    ...{ db, audit, desk, target, sql },
    /** Where no pack is yet. */
    fresh(): string {
      packs += 1;
      return join(folder, `pack-${packs}`);
    },
    write: (into: string, names = false) =>
      writePack(desk, { target, folder: into, names, at: new Date('2027-06-15T12:00:00Z') }),
    async close(): Promise<void> {
      await db.close();
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
