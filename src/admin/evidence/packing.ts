/**
 * The evidence pack: what an auditor reads years later, without us. Everything in it is of one moment of our database, the
 * same state gives the same bytes, and what is signed binds all of it.
 */
import type { JWK } from 'jose';
import { CompactSign, calculateJwkThumbprint, importJWK } from 'jose';
import { FootbridgeError } from '../../errors.ts';
import { retirementOf } from '../../migration/retiring/retirements.ts';
import { loadKeys } from '../../provider/keys.ts';
import type { AuditVerdict } from '../../store/audit-log.ts';
import type { Queryable } from '../../store/db.ts';
import { statement } from '../../store/db.ts';
import type { Target } from '../../targets/target.ts';
import { partsOf } from '../batch/reconcile-desk.ts';
import type { Desk } from '../operation.ts';
import { writeAudit } from './audit-sections.ts';
import type { Manifest } from './manifest.ts';
import { digestOf, KEYS, MANIFEST, manifestFile, SIGNATURE, signedText } from './manifest.ts';
import type { PackWriter } from './pack-writing.ts';
import { openPack } from './pack-writing.ts';
import type { Source } from './sections.ts';
import {
  openDeletions,
  openRollout,
  openSecrets,
  writeCoverage,
  writeLedger,
  writeReceipts,
  writeReconciliation,
  writeRollout,
  writeWipes,
} from './sections.ts';

export interface PackAsked {
  readonly target: Target;
  readonly folder: string;
  readonly names: boolean;
  readonly at: Date;
  readonly onPeople?: ((people: number) => void) | undefined;
}

export interface Packed {
  readonly folder: string;
  readonly manifest: Manifest;
  /** Of the signed text; hexadecimal. */
  readonly sha256: string;
  /** Of the key that signed it (RFC 7638): to be compared by another way than the pack's. */
  readonly thumbprint: string;
}

const ONE_SNAPSHOT = statement('set transaction isolation level repeatable read, read only');

/** Throws bad_request where the folder is there, config_invalid without a signing key, storage_unavailable. */
export async function writePack(desk: Desk, asked: PackAsked): Promise<Packed> {
  const { db, audit } = desk;
  const { target, folder } = asked;
  const key = await signingKey(desk);
  // What is final is sealed first: a pack without the last records would say less than is known.
  await audit.seal();
  const verdict = await audit.verify();
  const pack = await openPack(folder);
  try {
    const state = await db.transaction(async (tx) => {
      await tx.run(ONE_SNAPSHOT);
      await writeSections(desk, asked, { pack, q: tx });
      return (await retirementOf(tx, target.name)).state;
    });
    const manifest = await manifestOf(desk, asked, { pack, state, verdict });
    const text = signedText(manifest);
    await pack.plain(MANIFEST, manifestFile(manifest));
    await pack.plain(SIGNATURE, `${await signed(key, text)}\n`);
    await pack.plain(KEYS, `${JSON.stringify({ keys: [key.open] }, null, 2)}\n`);
    await pack.finish();
    return { folder, manifest, sha256: digestOf(text), thumbprint: key.thumbprint };
  } catch (error) {
    await pack.abandon();
    throw error;
  }
}

async function writeSections(
  { audit }: Desk,
  { target, names, onPeople }: PackAsked,
  { pack, q }: { readonly pack: PackWriter; readonly q: Queryable },
): Promise<void> {
  const pseudonym = (sub: string) => audit.pseudonym(sub).toString('hex');
  const source: Source = { q, target: target.name, names, pseudonym, onPeople };
  const [deletions, rollout, secrets] = [
    await openDeletions(pack),
    await openRollout(pack),
    await openSecrets(pack),
  ];
  await writeLedger(source, pack, deletions);
  await writeWipes(source, pack);
  await writeCoverage(source, pack);
  await writeReconciliation(source, pack);
  await writeRollout(source, rollout);
  await writeReceipts(q, deletions);
  await writeAudit(q, pack, { secrets, rollout, deletions });
}

interface Made {
  readonly pack: PackWriter;
  readonly state: string;
  readonly verdict: AuditVerdict;
}

const manifestOf = async (
  desk: Desk,
  { target, names, at }: PackAsked,
  { pack, state, verdict }: Made,
): Promise<Manifest> => ({
  type: 'footbridge-evidence',
  version: 1,
  target: target.name,
  at: at.toISOString(),
  actor: desk.actor,
  softwareVersion: partsOf(desk).softwareVersion,
  settings: settingsOf(desk),
  names,
  state,
  audit: { ok: verdict.ok, problem: verdict.problem ?? null, head: verdict.head ?? null },
  sections: await pack.sections(),
});

/** Says whether two packs were written with the same settings. Secrets print as `[secret]`, and are not in it. */
function settingsOf({ issuer, legacySettings, targets, lifetimes }: Desk): string {
  const there = targets.all.map(({ name, kind, clientIds, loginUrl }) => ({
    ...{ name, kind, clientIds, loginUrl },
  }));
  return digestOf(JSON.stringify({ issuer, legacySettings, targets: there, lifetimes }));
}

interface SigningKey {
  readonly alg: string;
  readonly thumbprint: string;
  readonly secret: JWK;
  /** What is handed on of it. */
  readonly open: JWK;
}

async function signingKey({ db, keyring }: Desk): Promise<SigningKey> {
  const [secret] = (await loadKeys(db, keyring)).signing;
  if (!secret?.alg)
    throw new FootbridgeError('config_invalid', {
      detail: 'there is no signing key yet: start the server once',
    });
  const { kty, n, e, crv, x, y, alg } = secret;
  const thumbprint = await calculateJwkThumbprint(secret);
  const open = JSON.parse(JSON.stringify({ kty, n, e, crv, x, y, alg, use: 'sig', kid: thumbprint })) as JWK;
  return { alg, thumbprint, secret, open };
}

/** A compact JWS (RFC 7515). */
const signed = async ({ alg, thumbprint, secret }: SigningKey, text: string): Promise<string> =>
  new CompactSign(Buffer.from(text, 'utf8'))
    .setProtectedHeader({ alg, kid: thumbprint })
    .sign(await importJWK(secret, alg));
