/** What was found in a pack, in plain words; and what that says, and does not say. */
import { seen } from '../batch/sections.ts';
import { count } from '../claim-tokens/claim-desk.ts';
import type { Signature } from './signature.ts';
import type { PackVerdict } from './verifying.ts';

export function verdictText(verdict: PackVerdict): string {
  const { ok, folder, signature, manifest, findings, more, chain } = verdict;
  return [
    ok
      ? `${folder} is as it was signed.`
      : `${folder} is not as it was signed, or says itself that something is wrong:`,
    `  ${signatureWords(signature)}`,
    ...findings.map(
      ({ file, line, what }) => `  ${file}${line === undefined ? '' : `, line ${line}`}: ${what}`,
    ),
    ...(more > 0 ? [`  … and ${count(more)} more.`] : []),
    ...(manifest ? aboutLines(verdict) : []),
    ...(chain
      ? [
          `  ${count(chain.records)} audit records have the digests that their ${count(chain.seals)} seals say, and each seal follows the one before. That the seals themselves are genuine needs the master key: what the manifest says of them, ${manifest?.audit.ok ? '“whole”' : '“not whole”'}, is the word of whoever has signed it.`,
        ]
      : []),
  ]
    .map(seen)
    .join('\n');
}

function aboutLines({ manifest }: PackVerdict): string[] {
  const { target, at, actor, softwareVersion, sections, names, state, audit } = manifest!;
  return [
    `  ${target}, ${state}, written ${at} by ${actor} with Footbridge ${softwareVersion}; people ${names ? 'by name' : 'by pseudonym'}.`,
    ...sections.map(({ name, rows, bytes }) => `  ${name}: ${count(rows)} rows, ${count(bytes)} bytes`),
    ...(audit.ok ? [] : [`  The audit log was not whole when it was written: ${audit.problem}`]),
  ];
}

function signatureWords(signature: Signature): string {
  switch (signature.kind) {
    case 'good':
      return `Signed by the key that you named: ${signature.thumbprint}`;
    case 'unnamed':
      return `Signed by the key ${signature.thumbprint}. Compare it with what you were told by another way, or name it with --key: anybody could have made a pack with a key of their own.`;
    case 'unknown-key':
      return `Signed by an unknown key: ${signature.thumbprint} is not the one that you named.`;
    case 'no-key':
      return `keys.json has no key by which the signature could be looked at (${signature.kid ?? 'it names none'}).`;
    case 'wrong':
      return 'The signature is not of this manifest.';
    case 'missing':
      return 'manifest.jws is missing: nobody has signed this.';
  }
}
