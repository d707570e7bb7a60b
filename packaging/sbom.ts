/**
 * The bill of materials of what is shipped: CycloneDX, by `npm sbom` from the lock file. Without a time and a number of its
 * own, so that the same lock file gives the same bytes: `npm run -s sbom > footbridge.cdx.json`.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import type { Lockfile } from './lockfile.ts';
import { nameOf, readLockfile, shipped } from './lockfile.ts';

interface Bill {
  readonly metadata: {
    readonly timestamp?: string;
    readonly component: { readonly version: string };
    readonly tools: readonly unknown[];
  };
  readonly components: readonly Reference[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

/** `name@version`. */
interface Reference {
  readonly 'bom-ref': string;
}

/** A few hundred packages, with much room. */
const MAX_BYTES = 32 * 1024 * 1024;

/** What is shipped, of all that is locked: npm's own `--omit=dev` leaves out what development wants as well (`yaml`). */
export function onlyShipped(bill: Bill, lock: Lockfile): Bill {
  const refs = new Set(shipped(lock).map(([folder, { version }]) => `${nameOf(folder)}@${version}`));
  const ours = `${lock.name}@${lock.version}`;
  return {
    ...bill,
    components: bill.components.filter((component) => refs.has(component['bom-ref'])),
    dependencies: bill.dependencies
      .filter(({ ref }) => ref === ours || refs.has(ref))
      .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((one) => refs.has(one)) })),
  };
}

/** `epoch`: seconds, as SOURCE_DATE_EPOCH gives them; without it no time is written. */
export function settle(bill: Bill, epoch?: string): object {
  const { timestamp: _now, component, ...metadata } = bill.metadata;
  const time = epoch ? { timestamp: new Date(Number(epoch) * 1000).toISOString() } : {};
  const content = JSON.stringify([component, bill.components, bill.dependencies]);
  return {
    ...bill,
    serialNumber: `urn:uuid:${uuidOf(content)}`,
    // npm takes the folder for the name, and everything for a library.
    metadata: { ...time, ...metadata, component: { ...component, name: 'footbridge', type: 'application' } },
  };
}

/** Version 8 (RFC 9562): out of what is in it. */
function uuidOf(content: string): string {
  const hex = createHash('sha256').update(content).digest('hex');
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`];
  return [...parts, hex.slice(20, 32)].join('-');
}

function main(): void {
  const root = resolve(import.meta.dirname, '..');
  const options = ['--sbom-format=cyclonedx', '--package-lock-only', '--loglevel=error'];
  const made = execFileSync('npm', ['sbom', ...options], {
    cwd: root,
    maxBuffer: MAX_BYTES,
    encoding: 'utf8',
  });
  const bill = onlyShipped(JSON.parse(made) as Bill, readLockfile(root));
  process.stdout.write(`${JSON.stringify(settle(bill, process.env.SOURCE_DATE_EPOCH), null, 2)}\n`);
}

if (process.argv[1] === import.meta.filename) main();
