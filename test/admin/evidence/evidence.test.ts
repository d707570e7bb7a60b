/** Packs: the same state is the same bytes, and whatever is done to one afterwards is found and named. */
import { cpSync, readdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CompactSign, calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { manifestFile, signedText } from '../../../src/admin/evidence/manifest.ts';
import { verdictText } from '../../../src/admin/evidence/verdict-text.ts';
import { verifyPack } from '../../../src/admin/evidence/verifying.ts';
import { auditVerify } from '../../../src/admin/operations/audit-verify.ts';
import type { EvidenceStage } from './evidence-stage.ts';
import { openEvidenceStage } from './evidence-stage.ts';

let stage: EvidenceStage;
let pack: string;
let thumbprint: string;
beforeAll(async () => {
  stage = await openEvidenceStage();
  pack = stage.fresh();
  ({ thumbprint } = await stage.write(pack));
});
afterAll(() => stage?.close());

/** A copy, to be tampered with. */
function copy(): string {
  const folder = stage.fresh();
  cpSync(pack, folder, { recursive: true });
  return folder;
}
const read = (folder: string, name: string) => readFileSync(join(folder, name), 'utf8');
const write = (folder: string, name: string, text: string) => writeFileSync(join(folder, name), text);
const linesOf = (folder: string, name: string) => read(folder, name).trimEnd().split('\n');
const writeLines = (folder: string, name: string, lines: readonly string[]) =>
  write(folder, name, `${lines.join('\n')}\n`);
const found = async (folder: string, key = thumbprint) => {
  const { ok, findings } = await verifyPack(folder, key);
  return {
    ok,
    findings: findings.map(({ file, line, what }) => [file, ...(line ? [line] : []), what].join(' ')),
  };
};

describe('a manifest', () => {
  test('that says something twice is not taken for the one that was signed', async () => {
    const folder = copy();
    const text = read(folder, 'manifest.json');
    write(folder, 'manifest.json', text.replace('"actor":', '"actor": "somebody else",\n  "actor":'));
    expect(await found(folder)).toEqual({
      ok: false,
      findings: ['manifest.json is not written as it was: what is signed is in manifest.jws'],
    });
  });
});

describe('a pack', () => {
  test('as it was written is good, by the key that was told by another way', async () => {
    const verdict = await verifyPack(pack, thumbprint);
    expect(verdict).toMatchObject({
      ok: true,
      signature: { kind: 'good', thumbprint },
      findings: [],
      more: 0,
    });
    expect(verdict.chain).toEqual({ records: 13, seals: 1 });
    expect(verdictText(verdict)).toContain('13 audit records have the digests');
  });

  test('without a key to compare with is good, and says that anybody could have made it', async () => {
    const verdict = await verifyPack(pack);
    expect(verdict).toMatchObject({ ok: true, signature: { kind: 'unnamed' } });
    expect(verdictText(verdict)).toContain('anybody could have made a pack');
  });

  test('of the same state has the same bytes, but for when it was written', async () => {
    const again = stage.fresh();
    await stage.write(again);
    for (const name of readdirSync(pack))
      if (!name.startsWith('manifest.')) expect([name, read(again, name)]).toEqual([name, read(pack, name)]);
  });

  test('has what is asked for, and no name and no secret', async () => {
    expect(linesOf(pack, 'ledger.jsonl')).toHaveLength(6);
    expect(linesOf(pack, 'wipes.jsonl')).toHaveLength(6);
    expect(linesOf(pack, 'secret-access.jsonl')).toHaveLength(6);
    expect(linesOf(pack, 'deletions.jsonl').filter((line) => line.includes('tombstone'))).toHaveLength(1);
    expect(linesOf(pack, 'rollout.jsonl')[0]).toContain('rollout.set');
    const all = readdirSync(pack)
      .map((name) => read(pack, name))
      .join('');
    expect(all).not.toMatch(/shop:\d|swordfish|"d":/);
  });

  test('that cannot be finished leaves nothing behind', async () => {
    const folder = stage.fresh();
    const broken = { ...stage.desk, reconcile: undefined } as never;
    const { writePack } = await import('../../../src/admin/evidence/packing.ts');
    await expect(
      writePack(broken, { target: stage.target, folder, names: false, at: new Date() }),
    ).rejects.toThrow();
    expect(() => readdirSync(folder)).toThrow();
    expect(() => readdirSync(`${folder}.partial`)).toThrow();
  });

  test('is not written over another one', async () => {
    await expect(stage.write(pack)).rejects.toMatchObject({ code: 'bad_request' });
  });
});

describe('tampering', () => {
  test.each(['ledger.jsonl', 'wipes.jsonl', 'secret-access.jsonl', 'deletions.jsonl', 'audit.jsonl'])(
    'with a line of %s is found, and the line is named',
    async (name) => {
      const folder = copy();
      const lines = linesOf(folder, name);
      writeLines(folder, name, lines.with(1, lines[1]!.replace(/[a-z]/, 'X')));
      expect(await found(folder)).toEqual({ ok: false, findings: [`${name} 2 was changed`] });
    },
  );

  test('that takes a line out says where it stood', async () => {
    const folder = copy();
    writeLines(folder, 'ledger.jsonl', linesOf(folder, 'ledger.jsonl').toSpliced(2, 1));
    expect((await found(folder)).findings).toEqual(['ledger.jsonl 3 a line was taken out before it']);
  });

  test('that puts a line in names it', async () => {
    const folder = copy();
    const lines = linesOf(folder, 'wipes.jsonl');
    writeLines(folder, 'wipes.jsonl', lines.toSpliced(3, 0, '{"person":"00"}'));
    expect((await found(folder)).findings).toEqual(['wipes.jsonl 4 was put in']);
  });

  test('that cuts a file off says how much is missing', async () => {
    const folder = copy();
    const text = read(folder, 'ledger.jsonl');
    truncateSync(join(folder, 'ledger.jsonl'), text.indexOf('\n', text.indexOf('\n') + 1) + 1);
    expect((await found(folder)).findings).toEqual([
      'ledger.jsonl 3 the file ends here: 4 of 6 lines are missing',
    ]);
  });

  test('that changes only what is between lines is found', async () => {
    const folder = copy();
    write(folder, 'wipes.jsonl', read(folder, 'wipes.jsonl').trimEnd());
    expect((await found(folder)).findings).toEqual(['wipes.jsonl was changed between its lines']);
  });

  test('with a document is found', async () => {
    const folder = copy();
    write(folder, 'coverage.json', read(folder, 'coverage.json').replace('"retired": 5', '"retired": 6'));
    expect((await found(folder)).findings).toEqual(['coverage.json was changed']);
  });

  test('with a file and its line digests is found, though no line can be named', async () => {
    const folder = copy();
    for (const name of ['ledger.jsonl', 'ledger.jsonl.lines'])
      writeLines(folder, name, linesOf(folder, name).toSpliced(0, 1));
    expect((await found(folder)).findings).toEqual([
      'ledger.jsonl.lines was changed',
      'ledger.jsonl was changed',
    ]);
  });

  test.each(['ledger.jsonl', 'coverage.json', 'seals.jsonl', 'ledger.jsonl.lines'])(
    'that removes %s is found',
    async (name) => {
      const folder = copy();
      rmSync(join(folder, name));
      expect(await found(folder)).toEqual({ ok: false, findings: [`${name} is missing`] });
    },
  );

  test('that adds a file is found, also one that is no file', async () => {
    const folder = copy();
    write(folder, 'more.jsonl', '{}\n');
    rmSync(join(folder, 'coverage.json'));
    symlinkSync('/etc/hostname', join(folder, 'coverage.json'));
    expect((await found(folder)).findings).toEqual([
      'coverage.json is missing',
      'more.jsonl does not belong to the pack',
    ]);
  });

  test('with the manifest is found', async () => {
    const folder = copy();
    write(folder, 'manifest.json', read(folder, 'manifest.json').replace('operator:erika', 'operator:hans'));
    const verdict = await verifyPack(folder, thumbprint);
    expect([verdict.ok, verdict.signature]).toEqual([false, { kind: 'wrong' }]);
  });

  test.each([
    ['manifest.jws', 'missing'],
    ['keys.json', 'no-key'],
  ] as const)('that removes %s leaves nothing that is signed', async (name, kind) => {
    const folder = copy();
    rmSync(join(folder, name));
    expect(await verifyPack(folder, thumbprint)).toMatchObject({ ok: false, signature: { kind } });
  });

  test('that leads out of the folder is no manifest', async () => {
    const folder = copy();
    write(
      folder,
      'manifest.json',
      read(folder, 'manifest.json').replace('"ledger.jsonl"', '"../ledger.jsonl"'),
    );
    expect((await found(folder)).findings).toEqual(['manifest.json is no manifest of an evidence pack']);
  });

  test('with the manifest gone says so', async () => {
    const folder = copy();
    rmSync(join(folder, 'manifest.json'));
    expect((await found(folder)).findings).toEqual(['manifest.json is missing']);
  });
});

describe('a pack that somebody has signed anew', () => {
  /** Everything is right in it, but for who has signed. */
  async function forged(kid?: string): Promise<{ folder: string; thumbprint: string }> {
    const folder = copy();
    const { manifest } = await verifyPack(folder);
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(publicKey);
    const own = await calculateJwkThumbprint(jwk);
    const lie = { ...manifest!, actor: 'operator:mallory' };
    write(folder, 'manifest.json', manifestFile(lie));
    const jws = new CompactSign(Buffer.from(signedText(lie)));
    jws.setProtectedHeader({ alg: 'ES256', kid: kid ?? own });
    write(folder, 'manifest.jws', await jws.sign(privateKey));
    write(folder, 'keys.json', JSON.stringify({ keys: [{ ...jwk, alg: 'ES256', kid: kid ?? own }] }));
    return { folder, thumbprint: own };
  }

  test('is signed by an unknown key, and says exactly that', async () => {
    const { folder, thumbprint: own } = await forged();
    const verdict = await verifyPack(folder, thumbprint);
    expect([verdict.ok, verdict.signature, verdict.findings]).toEqual([
      false,
      { kind: 'unknown-key', thumbprint: own },
      [],
    ]);
    expect(verdictText(verdict)).toContain(`Signed by an unknown key: ${own} is not the one that you named.`);
  });

  test('cannot call its key by the name of ours', async () => {
    const { folder } = await forged(thumbprint);
    expect(await verifyPack(folder, thumbprint)).toMatchObject({ ok: false, signature: { kind: 'no-key' } });
  });
});

describe('the audit log in a pack', () => {
  test('that lacked a record when it was written says which', async () => {
    await stage.sql('alter table audit_log disable trigger all');
    await stage.sql('delete from audit_log where id = (select min(id) from audit_log)');
    await stage.sql('alter table audit_log enable trigger all');
    const folder = stage.fresh();
    const { manifest } = await stage.write(folder);
    expect(manifest.audit).toMatchObject({ ok: false, problem: 'record 1 was removed' });
    const verdict = await verifyPack(folder, thumbprint);
    expect(verdict.ok).toBe(false);
    expect(verdict.findings[0]).toMatchObject({ file: 'audit.jsonl', what: 'record 1 was removed' });
  });
});

describe('the command', () => {
  const parse = (input: object) => auditVerify.input.safeParse(input);

  test('needs no database for a pack, and one for the log', () => {
    expect(auditVerify.offline?.({ pack: 'x' })).toBe(true);
    expect(auditVerify.offline?.({})).toBe(false);
  });

  test('takes a thumbprint only with a pack', () => {
    expect(parse({ pack: 'x', key: thumbprint }).success).toBe(true);
    expect(parse({ key: thumbprint }).success).toBe(false);
    expect(parse({ pack: 'x', key: 'no-thumbprint' }).success).toBe(false);
  });

  test('says of a folder that is none that it cannot be read', async () => {
    await expect(verifyPack('/nowhere/at/all')).rejects.toMatchObject({ code: 'bad_request' });
  });

  test('reads no folder for whoever calls over HTTP', async () => {
    const desk = { ...stage.desk, files: undefined } as never;
    const run = async () => auditVerify.run(desk, { pack }, { execute: false });
    await expect(run()).rejects.toMatchObject({ code: 'bad_request' });
  });
});
