/**
 * example/deploy/kubernetes/footbridge.yaml: the chart with its own values, for those without Helm. `node packaging/manifests.ts`
 * renders it with the `helm` on the PATH. Its first line says of which chart it is made, so that a stale one is noticed
 * where there is no Helm either.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

const DEPLOY = resolve(import.meta.dirname, '../example/deploy');
export const CHART = join(DEPLOY, 'helm/footbridge');
export const MANIFESTS = join(DEPLOY, 'kubernetes/footbridge.yaml');
/** A Kubernetes that the chart is for; nothing is asked of a cluster. */
const KUBERNETES = '1.30.0';

/** Of every file of the chart, by name. */
export function digestOfChart(): string {
  const files = readdirSync(CHART, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const digest = createHash('sha256');
  for (const file of files)
    digest
      .update(`${relative(CHART, file)}\0`)
      .update(readFileSync(file))
      .update('\0');
  return digest.digest('hex');
}

/** Without the job, which only Helm knows when to run: the first new pod applies the schema steps. */
export function render(): string {
  const text = execFileSync(
    'helm',
    [
      'template',
      'footbridge',
      CHART,
      '--kube-version',
      KUBERNETES,
      '--set',
      'schemaJob.enabled=false,onConfigChange=signal',
    ],
    { encoding: 'utf8' },
  );
  // It would say that Helm looks after what it never sees.
  const own = text
    .replace(/^---\n/, '')
    .replaceAll(/^ *(app\.kubernetes\.io\/managed-by|helm\.sh\/chart): .*\n/gm, '');
  return `# Rendered by packaging/manifests.ts of the chart ${digestOfChart()}
# Settings: the ConfigMap. Secrets: kubectl create secret generic footbridge --from-literal=FOOTBRIDGE_MASTER_KEY=… (docs/deploying.md).
${own}`;
}

if (process.argv[1] === import.meta.filename) writeFileSync(MANIFESTS, render());
