/** docker-compose.yml, as far as it can be checked without a container: its parts fit one another. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { BlockList } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { demoLegacySettings } from '../example/demo/demo-legacy.ts';
import type { Settings } from '../src/config.ts';
import { parseConfig } from '../src/config.ts';
import { openKeyring } from '../src/store/encryption.ts';
import { DEFAULT_DENYLIST } from './support/zitadel/denylist.ts';

const ROOT = resolve(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly entrypoint?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly extra_hosts?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly networks?: Readonly<Record<string, { readonly ipv4_address?: string }>> | readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: {
    readonly bridge: { readonly ipam: { readonly config: readonly { readonly subnet: string }[] } };
  };
  readonly volumes: Readonly<Record<string, unknown>>;
}

const CONFIG = 'example/zitadel/footbridge.yaml';
const compose = parse(read('docker-compose.yml'), { merge: true }) as Compose;
const services = Object.entries(compose.services);
const service = (name: string): Service => compose.services[name]!;

let folder: string;
let env: Record<string, string>;
let settings: Settings;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'footbridge-env-'));
  const file = join(folder, '.env');
  execFileSync('sh', [join(ROOT, 'example/zitadel/make-env.sh'), file], { stdio: 'pipe' });
  env = Object.fromEntries(
    [...readFileSync(file, 'utf8').matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name!, value!]),
  );
  settings = parseConfig(read(CONFIG), { file: CONFIG, env: environmentOf('footbridge') });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Compose's interpolation, as far as this file uses it: `${NAME:?message}`, `${NAME:-text}`, and `$$`. */
function environmentOf(name: string, variables = env): Record<string, string> {
  const filled = (text: string) =>
    text.replace(/\$\{(\w+):([?-])([^}]*)\}/g, (_all, variable: string, how: string, text: string) => {
      if (variables[variable]) return variables[variable];
      if (how === '?') throw new Error(`${variable}: ${text}`);
      return text;
    });
  const pairs = Object.entries(service(name).environment ?? {});
  return Object.fromEntries(pairs.map(([variable, value]) => [variable, filled(value)]));
}

describe('each service', () => {
  test.each(services)('%s has a health check', (_name, { healthcheck, entrypoint }) => {
    const fromImage = entrypoint === undefined && read('Dockerfile').includes('\nHEALTHCHECK ');
    expect(healthcheck?.test.length ?? fromImage).toBeTruthy();
  });

  test.each(services)('%s names its image with a version', (_name, { image, build }) => {
    expect(build !== undefined || /:v?\d+\.\d+(\.\d+)?(-\w+)?$/.test(image ?? '')).toBe(true);
  });

  test.each(services)('%s is published on the loopback interface only', (_name, { ports = [] }) => {
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:(\d+):\1$/);
  });

  test.each(services)('%s mounts files and volumes that are there', (_name, { volumes = [] }) => {
    for (const volume of volumes) {
      const source = volume.split(':')[0]!;
      expect(source.startsWith('.') ? existsSync(join(ROOT, source)) : source in compose.volumes).toBe(true);
    }
  });

  test.each(services)('%s waits for services that tell when they are well', (_name, { depends_on = {} }) => {
    for (const [other, { condition }] of Object.entries(depends_on)) {
      expect(condition).toBe('service_healthy');
      expect(service(other).healthcheck).toBeDefined();
    }
  });

  test.each(services)(
    '%s has no secret of its own: each comes from .env or stops the start',
    (_name, { environment = {} }) => {
      for (const [variable, value] of Object.entries(environment)) {
        if (/PASSWORD$|KEY$|SECRET$|URL$/.test(variable)) expect(value).toMatch(/\$\{\w+:[?-]/);
      }
    },
  );
});

describe('the generated .env', () => {
  test('has a value for every variable that must have one; without one nothing starts', () => {
    const needed = [...read('docker-compose.yml').matchAll(/\$\{(\w+):\?/g)].map((match) => match[1]!);
    expect(needed.filter((name) => !env[name])).toEqual([]);
    const { SHOP_HOOK_KEY: _missing, ...rest } = env;
    expect(() => environmentOf('demo', rest)).toThrow('make-env.sh');
  });

  test('is never written over', () => {
    const again = () =>
      execFileSync('sh', [join(ROOT, 'example/zitadel/make-env.sh'), join(folder, '.env')], {
        stdio: 'pipe',
      });
    expect(again).toThrow('is there already');
  });

  test('has keys of the size that Footbridge and ZITADEL want', () => {
    openKeyring(settings.masterKey);
    expect(env.ZITADEL_MASTERKEY).toHaveLength(32);
  });
});

describe('the configuration', () => {
  test('is the one that is mounted where the image looks for it', () => {
    expect(service('footbridge').volumes).toEqual([`./${CONFIG}:/etc/footbridge/footbridge.yaml:ro`]);
    expect(read('Dockerfile')).toContain('"/etc/footbridge/footbridge.yaml"');
  });

  test('listens where the port is published, and its health check asks the private listener', () => {
    const { public: outside, private: inside } = settings.listen;
    expect(outside.host).toBe('0.0.0.0');
    expect(service('footbridge').ports).toEqual([`127.0.0.1:${outside.port}:${outside.port}`]);
    expect(read('Dockerfile')).toContain(`http://${inside.host}:${inside.port}/livez`);
  });

  test('maps the shop as the demo does', () => {
    const { legacy } = parse(read(CONFIG)) as { legacy: { sql: { connection: string } } };
    const { sql, ...rest } = demoLegacySettings(legacy.sql.connection);
    // `id` is the default column.
    expect(legacy).toEqual({ ...rest, sql: { ...sql, id: undefined } });
  });

  test('registers both callbacks of ZITADEL at its own address', () => {
    const zitadel = environmentOf('zitadel');
    const origin = `http://${zitadel.ZITADEL_EXTERNALDOMAIN}:${zitadel.ZITADEL_EXTERNALPORT}`;
    expect(settings.provider.clients[0]?.redirectUris).toEqual([
      `${origin}/ui/login/login/externalidp/callback`,
      `${origin}/idps/callback`,
    ]);
    expect(service('zitadel').ports).toEqual([
      `127.0.0.1:${zitadel.ZITADEL_PORT}:${zitadel.ZITADEL_EXTERNALPORT}`,
    ]);
  });
});

describe('the names', () => {
  const hosts = new Map(
    (service('footbridge').extra_hosts ?? []).map((line) => line.split(':') as [string, string]),
  );
  const urls = [read(CONFIG), read('example/zitadel/apps.ts')]
    .flatMap((text) => text.match(/http:\/\/[a-z.]+\.localhost:\d+/g) ?? [])
    .map((url) => new URL(url));

  test('in configuration and apps are all known inside the network, at the service that publishes their port', () => {
    expect(urls.length).toBeGreaterThan(5);
    for (const { hostname, port } of urls) {
      const address = hosts.get(hostname);
      const owner = services.find(
        ([, { networks }]) =>
          !Array.isArray(networks) && Object.values(networks ?? {})[0]?.ipv4_address === address,
      );
      expect(owner?.[1].ports, hostname).toContain(`127.0.0.1:${port}:${port}`);
    }
  });
});

describe('ZITADEL’s deny-list', () => {
  const listed = service('zitadel').environment!.ZITADEL_HTTPCLIENT_DENYLIST!.split(',');
  const subnet = compose.networks.bridge.ipam.config[0]!.subnet;

  test('is the default with one hole, the size of this network', () => {
    const changed = (list: readonly string[], other: readonly string[]) =>
      list.filter((entry) => !other.includes(entry));
    expect(changed(DEFAULT_DENYLIST, listed)).toEqual(['172.16.0.0/12']);
    const denied = blockList(changed(listed, DEFAULT_DENYLIST));
    const hole = blockList([subnet]);
    for (let second = 16; second < 32; second += 1) {
      for (const third of [0, 127, 255]) {
        const address = `172.${second}.${third}.1`;
        expect([address, denied.check(address)]).toEqual([address, !hole.check(address)]);
      }
    }
    expect(denied.check('172.15.255.255') || denied.check('172.32.0.0')).toBe(false);
  });
});

function blockList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) list.addSubnet(range.split('/')[0]!, Number(range.split('/')[1]), 'ipv4');
  return list;
}
