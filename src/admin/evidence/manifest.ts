/** What is in an evidence pack, and what is signed of it: one document, small whatever the pack holds. */
import { createHash } from 'node:crypto';
import { z } from 'zod';

export const MANIFEST = 'manifest.json';
export const SIGNATURE = 'manifest.jws';
export const KEYS = 'keys.json';
/** Beside each section of lines: a digest of each, so that a line can be named. */
export const LINES_SUFFIX = '.lines';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const size = z.number().int().min(0);
/** Nothing that leads out of the folder. */
const fileName = z.string().regex(/^[a-z][a-z-]{0,40}\.jsonl?$/);

const section = z.strictObject({
  name: fileName,
  /** What it holds, for whoever reads it. */
  holds: z.string().max(500),
  rows: size,
  bytes: size,
  sha256,
  /** Of its line digests; only of sections of lines. */
  lines: sha256.optional(),
});
export type SectionEntry = z.output<typeof section>;

export const manifestShape = z.strictObject({
  type: z.literal('footbridge-evidence'),
  version: z.literal(1),
  target: z.string().max(200),
  at: z.iso.datetime(),
  actor: z.string().max(200),
  softwareVersion: z.string().max(100),
  /** Of issuer, targets and legacy store as they are set up, without secrets. */
  settings: sha256,
  /** People are named in the ledger; else by pseudonym. */
  names: z.boolean(),
  state: z.string().max(50),
  audit: z.strictObject({
    /** What the whole chain was found to be at that moment, with the master key. */
    ok: z.boolean(),
    problem: z.string().max(20_000).nullable(),
    head: z.strictObject({ seq: z.string(), hash: z.string() }).nullable(),
  }),
  sections: z.array(section).max(50),
});
export type Manifest = z.output<typeof manifestShape>;

/** What is signed: the same text for the same manifest, however the file is laid out. */
export const signedText = (manifest: Manifest): string => JSON.stringify(manifest);

export const manifestFile = (manifest: Manifest): string => `${JSON.stringify(manifest, null, 2)}\n`;

export const digestOf = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex');

/** 128 bits tell lines apart; what is signed is the digest of all of them. */
const LINE_DIGEST_BYTES = 16;
export const lineDigest = (line: string | Buffer): string =>
  createHash('sha256').update(line).digest().subarray(0, LINE_DIGEST_BYTES).toString('base64url');
