/**
 * Looks at an evidence pack without settings, database or network: whether it is what was signed, and if not, which file and
 * which line is another. What it proves and what it does not is in docs/evidence.md.
 */

import { AUDIT, SEALS } from './audit-sections.ts';
import type { ChainCheck } from './chain-check.ts';
import { checkChain } from './chain-check.ts';
import type { LineFinding } from './line-differences.ts';
import { lineDifferences } from './line-differences.ts';
import type { Manifest, SectionEntry } from './manifest.ts';
import {
  KEYS,
  LINES_SUFFIX,
  lineDigest,
  MANIFEST,
  manifestFile,
  manifestShape,
  SIGNATURE,
  signedText,
} from './manifest.ts';
import { isPlainFile, linesOf, namesIn, parsed, smallText, sumOf } from './pack-reading.ts';
import type { Signature } from './signature.ts';
import { signatureOf } from './signature.ts';

export interface PackFinding {
  readonly file: string;
  readonly line?: number;
  readonly what: string;
}

export interface PackVerdict {
  readonly ok: boolean;
  readonly folder: string;
  readonly signature: Signature;
  /** Null: there is none that could be read. */
  readonly manifest: Manifest | null;
  readonly findings: readonly PackFinding[];
  /** More than are named. */
  readonly more: number;
  /** Null: the audit log’s own files are not as they were signed. */
  readonly chain: ChainCheck | null;
}

/** Somebody who has changed everything needs no list of it. */
const MAX_FINDINGS = 100;

/** `key`: the thumbprint of the key that has to have signed it. Throws bad_request for what is no folder. */
export async function verifyPack(folder: string, key?: string): Promise<PackVerdict> {
  const findings: PackFinding[] = [];
  let more = 0;
  const found = (finding: PackFinding) => {
    if (findings.length < MAX_FINDINGS) findings.push(finding);
    else more += 1;
  };
  const names = await namesIn(folder);
  const written = await smallText(folder, MANIFEST);
  const read = manifestShape.safeParse(parsed(written));
  if (!read.success) {
    found({
      file: MANIFEST,
      what: names.includes(MANIFEST) ? 'is no manifest of an evidence pack' : 'is missing',
    });
    const signature: Signature = { kind: names.includes(SIGNATURE) ? 'wrong' : 'missing' };
    return { ok: false, folder, signature, manifest: null, findings, more, chain: null };
  }
  const manifest = read.data;
  const signature = await signatureOf({
    text: signedText(manifest),
    jws: await smallText(folder, SIGNATURE),
    keys: parsed(await smallText(folder, KEYS)),
    wanted: key,
  });
  // JSON may say the same twice, and a reader see what was not signed.
  if (written !== manifestFile(manifest))
    found({ file: MANIFEST, what: 'is not written as it was: what is signed is in manifest.jws' });
  const intact = await checkSections(folder, manifest, found);
  for (const name of strangers(names, manifest)) found({ file: name, what: 'does not belong to the pack' });
  const isChainReadable = intact.has(AUDIT) && intact.has(SEALS);
  const chain = isChainReadable ? await checkChain(folder, manifest, found) : null;
  const isSigned = signature.kind === 'good' || signature.kind === 'unnamed';
  const ok = isSigned && findings.length === 0 && manifest.audit.ok;
  return { ok, folder, signature, manifest, findings, more, chain };
}

function strangers(names: readonly string[], { sections }: Manifest): string[] {
  const own = sections.flatMap(({ name, lines }) => [
    name,
    ...(lines === undefined ? [] : [name + LINES_SUFFIX]),
  ]);
  const known = new Set([MANIFEST, SIGNATURE, KEYS, ...own]);
  return names.filter((name) => !known.has(name));
}

type Found = (finding: PackFinding) => void;

/** The names of those that are as they were signed. */
async function checkSections(folder: string, { sections }: Manifest, found: Found): Promise<Set<string>> {
  const intact = new Set<string>();
  for (const section of sections) {
    const { name, sha256 } = section;
    const hasDigests = await checkDigests(folder, section, found);
    if (!(await isPlainFile(folder, name))) {
      found({ file: name, what: 'is missing' });
      continue;
    }
    if ((await sumOf(folder, name)).sha256 === sha256) intact.add(name);
    else await nameLines(folder, section, { hasDigests, found });
  }
  return intact;
}

async function checkDigests(folder: string, { name, lines }: SectionEntry, found: Found): Promise<boolean> {
  if (lines === undefined) return false;
  const file = name + LINES_SUFFIX;
  if (!(await isPlainFile(folder, file))) {
    found({ file, what: 'is missing' });
    return false;
  }
  if ((await sumOf(folder, file)).sha256 === lines) return true;
  found({ file, what: 'was changed' });
  return false;
}

interface Naming {
  readonly hasDigests: boolean;
  readonly found: Found;
}

/** Lines are named where their digests are as they were signed. */
async function nameLines(folder: string, { name, rows }: SectionEntry, { hasDigests, found }: Naming) {
  if (!hasDigests) {
    found({ file: name, what: 'was changed' });
    return;
  }
  let count = 0;
  for await (const one of lineDifferences(textsOf(folder, name + LINES_SUFFIX), digestsOf(folder, name))) {
    count += 1;
    found({ file: name, line: one.line, what: wordsOf(one, rows) });
  }
  // The same lines, and other bytes: what ends them, or a byte that is no text.
  if (count === 0) found({ file: name, what: 'was changed between its lines' });
}

async function* textsOf(folder: string, name: string): AsyncGenerator<string> {
  for await (const line of linesOf(folder, name)) yield line.toString('latin1');
}

async function* digestsOf(folder: string, name: string): AsyncGenerator<string> {
  for await (const line of linesOf(folder, name)) yield lineDigest(line);
}

function wordsOf(finding: LineFinding, rows: number): string {
  switch (finding.kind) {
    case 'changed':
      return 'was changed';
    case 'additional':
      return 'was put in';
    case 'missing':
      return finding.lines === 1
        ? 'a line was taken out before it'
        : `${finding.lines} lines were taken out before it`;
    case 'truncated':
      return `the file ends here: ${finding.lines} of ${rows} lines are missing`;
  }
}
