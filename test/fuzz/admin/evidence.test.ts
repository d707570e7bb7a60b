import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verdictText } from '../../../src/admin/evidence/verdict-text.ts';
import { verifyPack } from '../../../src/admin/evidence/verifying.ts';
import type { EvidenceStage } from '../../admin/evidence/evidence-stage.ts';
import { openEvidenceStage } from '../../admin/evidence/evidence-stage.ts';
import { anyBytes, anyJson, damagedBytes, fuzz } from '../hostile.ts';

let stage: EvidenceStage;
let pack: string;
let thumbprint: string;
let folder: string;
let copies = 0;
const files = new Map<string, Buffer>();
beforeAll(async () => {
  stage = await openEvidenceStage();
  pack = stage.fresh();
  ({ thumbprint } = await stage.write(pack));
  for (const name of readdirSync(pack)) files.set(name, readFileSync(join(pack, name)));
  folder = mkdtempSync(join(tmpdir(), 'footbridge-fuzz-pack-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await stage?.close();
});

async function verdictOn(name: string, bytes: Buffer) {
  copies += 1;
  const copy = join(folder, `copy-${copies}`);
  cpSync(pack, copy, { recursive: true });
  writeFileSync(join(copy, name), bytes);
  try {
    const verdict = await verifyPack(copy, thumbprint);
    expect(verdictText(verdict).length).toBeLessThan(100_000);
    return verdict;
  } finally {
    rmSync(copy, { recursive: true });
  }
}

describe('an evidence pack', () => {
  test('as it was written is good', async () => {
    expect((await verifyPack(pack, thumbprint)).ok).toBe(true);
  });

  // The files are known once the pack is written.
  const which = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
  const nameAt = (share: number) => [...files.keys()][Math.floor(share * files.size)]!;

  fuzz(
    'of which any file is damaged is not good, and says so',
    60,
    fc.asyncProperty(which, fc.nat(2 ** 20), async (share, salt) => {
      const name = nameAt(share);
      const [bytes] = fc.sample(damagedBytes(files.get(name)!), { seed: salt, numRuns: 1 });
      const verdict = await verdictOn(name, bytes!);
      // A signature may be followed by blanks, and a key set hold more than the key.
      if (verdict.ok) expect(['manifest.jws', 'keys.json']).toContain(name);
    }),
  );

  fuzz(
    'of somebody else’s making is not good',
    40,
    fc.asyncProperty(
      which,
      fc.oneof(
        anyBytes(),
        anyJson.map((one) => Buffer.from(JSON.stringify(one) ?? '')),
      ),
      async (share, bytes) => {
        const name = nameAt(share);
        if (!files.get(name)!.equals(bytes)) expect((await verdictOn(name, bytes)).ok).toBe(false);
      },
    ),
  );
});
