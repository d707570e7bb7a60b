/** `batch verify` and `batch repair`, from the store to the signed report and from the plan back to the store. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CompactSign, createLocalJWKSet, importJWK, jwtVerify } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Desk, Operation, Progress } from '../../src/admin/operation.ts';
import { batchRepair } from '../../src/admin/operations/batch-repair.ts';
import { batchVerify } from '../../src/admin/operations/batch-verify.ts';
import type { ReconciliationReport } from '../../src/migration/reconcile/report.ts';
import { opSessionParts } from '../../src/provider/ending.ts';
import { ensureKeys, loadKeys } from '../../src/provider/keys.ts';
import { openEndings } from '../../src/sessions/ending/endings.ts';
import type { World } from '../migration/reconcile/world.ts';
import { openWorld, ownIdOf, personOf, subOf, userOf } from '../migration/reconcile/world.ts';

let world: World;
let desk: Desk;
let folder: string;
beforeAll(async () => {
  world = await openWorld();
  folder = mkdtempSync(join(tmpdir(), 'footbridge-verify-'));
  await ensureKeys(world.db, world.keyring);
  const { db, keyring, audit, directory, passwords, targets, mover, deps } = world;
  const notHere = () => Promise.reject(new Error('not asked for here'));
  desk = {
    ...{ db, keyring, audit, directory, passwords, targets, mover },
    endings: openEndings({
      db,
      recipients: { clients: [], apps: [], appsByPerson: [], targets: [] },
      opSessions: opSessionParts,
      settings: { logoutEnds: 'session' },
      pseudonym: audit.pseudonym,
      kick: () => undefined,
    }),
    lifetimes: { sessionIdleSeconds: 3_600, sessionSeconds: 86_400, rememberedSeconds: 0 },
    legacySettings: {},
    schema: notHere,
    keyCacheSeconds: 0,
    keepKeysSeconds: 0,
    actor: 'operator:test',
    files: true,
    reconcile: {
      ledger: deps.ledger,
      members: deps.members,
      targetOf: async () => 'main',
      signReport: sign,
      softwareVersion: '1.2.3',
    },
  } as Partial<Desk> as Desk;
});
afterAll(async () => {
  await world.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => world.forget());

async function sign(payload: object): Promise<string> {
  const [key] = (await loadKeys(world.db, world.keyring)).signing;
  return new CompactSign(Buffer.from(JSON.stringify(payload)))
    .setProtectedHeader({ alg: key!.alg!, kid: key!.kid!, typ: 'reconciliation+jws' })
    .sign(await importJWK(key!, key!.alg));
}

async function run(operation: Operation, input: object, { execute = false, at = desk } = {}) {
  const parsed = operation.input.parse(input);
  const output = await operation.run(at, parsed, { execute });
  const wrong = operation.foundWrong?.(output) ?? false;
  return { output: output as Record<string, never>, text: operation.print(output), wrong };
}
const file = (name: string) => join(folder, name);

/** One is missing, one has another address in the legacy store, one was renamed at the target. */
async function differing() {
  const people = [1, 2, 3, 4].map((id) => personOf(id));
  world.writeLegacy(people);
  world.writeTarget(people.map((person) => userOf(person)));
  await world.writeLedger(people.map(({ id }) => ({ id, state: 'migrated' })));
  await run(batchVerify, { target: 'main' });
  world.memory.users.delete(ownIdOf(1));
  world.writeLegacy(people.map((one) => (one.id === 2 ? personOf(2, { email: 'new@example.com' }) : one)));
  world.memory.users.get(ownIdOf(3))!.givenName = 'Clara';
}

describe('batch verify', () => {
  test('of two sides that are the same finds nothing, and says so', async () => {
    world.writeLegacy([personOf(1)]);
    world.writeTarget([userOf(personOf(1))]);
    await world.writeLedger([{ id: 1, state: 'migrated' }]);
    const { text, wrong } = await run(batchVerify, { target: 'main' });
    expect(wrong).toBe(false);
    expect(text).toContain('Nothing is missing, and nothing is different.');
  });

  test('shows what differs, by kind and by field, and is wrong then', async () => {
    await differing();
    const { text, wrong } = await run(batchVerify, { target: 'main' });
    expect(wrong).toBe(true);
    expect(text).toContain('main: 4 people looked at');
    for (const line of [/missing +1 /, /changed-left +1 /, /changed-right +1 /, /email +1 /, /import +1/])
      expect(text).toMatch(line);
    expect(text).not.toContain('example.com');
  });

  test('signs its report with the provider’s key: verifiable with what /jwks publishes, and with no other', async () => {
    await differing();
    await world.audit.seal();
    const { output } = await run(batchVerify, { target: 'main', report: file('report.jws') });
    const { jws, report } = output as unknown as { jws: string; report: ReconciliationReport };
    expect(readFileSync(file('report.jws'), 'utf8').trim()).toBe(jws);
    const { signing } = await loadKeys(world.db, world.keyring);
    const keys = signing.map(({ kty, n, e, crv, x, y, kid, alg }) => ({ kty, n, e, crv, x, y, kid, alg }));
    const jwks = createLocalJWKSet({ keys: JSON.parse(JSON.stringify(keys)) });
    const { payload } = await jwtVerify(jws, jwks);
    expect(payload).toEqual(JSON.parse(JSON.stringify(report)));
    expect(payload).toMatchObject({
      type: 'footbridge-reconciliation',
      softwareVersion: '1.2.3',
      target: 'main',
      targetKind: 'zitadel',
      differences: { total: 3, byKind: { missing: 1, 'changed-left': 1, 'changed-right': 1 } },
      auditHead: { seq: expect.any(String), hash: expect.any(String) },
    });
    const [head, body, signature] = jws.split('.');
    const forged = Buffer.from(body!, 'base64url').toString().replace('"total":3', '"total":0');
    const tampered = [head, Buffer.from(forged).toString('base64url'), signature].join('.');
    await expect(jwtVerify(tampered, jwks)).rejects.toThrow();
  });

  test('of a batch looks at its people only', async () => {
    await differing();
    world.batches.some = [subOf(2), subOf(4)];
    const { output } = await run(batchVerify, { batch: 'some' });
    expect(output).toMatchObject({
      report: { batch: 'some', people: { people: 2, equal: 1 }, differences: { total: 1 } },
    });
  });

  test('tells how far it has come, and what of it is on record', async () => {
    await differing();
    const progress: Progress[] = [];
    const input = batchVerify.input.parse({ target: 'main' });
    const output = (await batchVerify.run(desk, input, {
      execute: false,
      onProgress: (one) => progress.push(one),
    })) as { report: ReconciliationReport };
    expect(progress.at(-1)).toMatchObject({ users: 7, total: 7, continuedFrom: 0 });
    const [record] = await world.audit.records({ action: 'reconciliation.finished', newestFirst: true });
    expect(record).toMatchObject({
      actor: 'operator:test',
      detail: { target: 'main', id: output.report.id, differences: 3 },
    });
  });

  test('wants one target or one batch, and files only on the command line', async () => {
    const refused = { code: 'bad_request' };
    await expect(run(batchVerify, {})).rejects.toMatchObject(refused);
    await expect(run(batchVerify, { target: 'main', batch: 'some' })).rejects.toMatchObject(refused);
    await expect(run(batchVerify, { target: 'nowhere' })).rejects.toMatchObject({ code: 'not_found' });
    const { files: _, ...remote } = desk;
    for (const where of [{ plan: file('x') }, { report: file('x') }])
      await expect(
        run(batchVerify, { target: 'main', ...where }, { at: remote as Desk }),
      ).rejects.toMatchObject(refused);
    await expect(run(batchRepair, { plan: file('x') }, { at: remote as Desk })).rejects.toMatchObject(
      refused,
    );
  });
});

describe('batch repair', () => {
  const plan = async (more: object = {}) => {
    await differing();
    const { text } = await run(batchVerify, { target: 'main', plan: file('plan.jsonl'), ...more });
    expect(text).toContain('The plan has 3 lines.');
    return readFileSync(file('plan.jsonl'), 'utf8').trim().split('\n');
  };

  test('without --execute says what it would do, and changes nothing', async () => {
    const lines = await plan();
    expect(lines).toHaveLength(3);
    expect(statSync(file('plan.jsonl')).mode & 0o077).toBe(0);
    const { writes } = world.memory.calls;
    const { text, output } = await run(batchRepair, { plan: file('plan.jsonl') });
    expect(output).toMatchObject({ executed: false, counts: { planned: 2, skipped: 1, failed: 0 } });
    expect(text).toContain('shop:1  missing → import');
    expect(text).toContain('Nothing was changed: add --execute.');
    expect(world.memory.calls.writes).toBe(writes);
  });

  test('does what the reviewed plan says, and the next verification agrees', async () => {
    const lines = (await plan()).map((line) => JSON.parse(line));
    // The operator lets the legacy store win where the target was changed.
    const reviewed = lines.map((line) =>
      line.kind === 'changed-right' ? { ...line, repair: 'update-target' } : line,
    );
    writeFileSync(file('plan.jsonl'), reviewed.map((line) => JSON.stringify(line)).join('\n\n'));
    const { output, wrong, text } = await run(batchRepair, { plan: file('plan.jsonl') }, { execute: true });
    expect(output).toMatchObject({ executed: true, counts: { repaired: 3, skipped: 0, failed: 0 } });
    expect(wrong).toBe(false);
    expect(text).toContain('3 repaired');
    expect((await run(batchVerify, { target: 'main' })).wrong).toBe(false);
    const again = await run(batchRepair, { plan: file('plan.jsonl') }, { execute: true });
    expect(again.output).toMatchObject({ counts: { repaired: 0, skipped: 3 } });
    expect(await world.audit.records({ action: 'reconciliation.repair' })).toHaveLength(6);
  });

  test('does only what is left in the file', async () => {
    const lines = await plan();
    writeFileSync(file('plan.jsonl'), `${lines[1]}\n`);
    await run(batchRepair, { plan: file('plan.jsonl') }, { execute: true });
    const { output } = await run(batchVerify, { target: 'main' });
    expect(output).toMatchObject({ report: { differences: { byKind: { missing: 1, 'changed-left': 0 } } } });
  });

  test('names the first line that is none, and does those before it', async () => {
    const lines = await plan();
    writeFileSync(file('plan.jsonl'), `${lines[1]}\nnot a line\n`);
    await expect(run(batchRepair, { plan: file('plan.jsonl') }, { execute: true })).rejects.toMatchObject({
      code: 'bad_request',
      detail: 'Line 2 is no line of a repair plan.',
    });
    expect(world.memory.users.get(ownIdOf(2))?.email?.address).toBe('new@example.com');
    const missing = run(batchRepair, { plan: file('no such file') });
    await expect(missing).rejects.toMatchObject({ code: 'bad_request' });
  });

  test('ends everything of whom it shuts out', async () => {
    world.writeLegacy([]);
    world.writeTarget([userOf(personOf(9))]);
    await world.writeLedger([{ id: 9, state: 'migrated' }]);
    await run(batchVerify, { target: 'main', plan: file('plan.jsonl') });
    await run(batchRepair, { plan: file('plan.jsonl') }, { execute: true });
    expect(world.memory.users.get(ownIdOf(9))?.state).toBe('inactive');
    const [ended] = await world.audit.records({ sub: subOf(9), action: 'sessions.ended' });
    expect(ended).toMatchObject({ actor: 'operator:test' });
  });
});
